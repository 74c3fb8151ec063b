#include "checker_child/probes/resolver.hpp"

#include "common/fd.hpp"

#include <netdb.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#include <cerrno>
#include <cstring>
#include <future>
#include <system_error>
#include <thread>
#include <utility>

namespace holdfast {
namespace {

Resolver::Answer resolve(const std::string& host, const std::string& port, int flags) {
  addrinfo hints{};
  hints.ai_flags = flags | AI_NUMERICSERV;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* list = nullptr;
  if (const int failure = getaddrinfo(host.c_str(), port.c_str(), &hints, &list); failure != 0) {
    return Error{failure == EAI_SYSTEM ? std::strerror(errno) : gai_strerror(failure)};
  }
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> owner(list, freeaddrinfo);
  std::vector<Endpoint> endpoints;
  for (const addrinfo* entry = list; entry; entry = entry->ai_next) {
    Endpoint& endpoint = endpoints.emplace_back();
    std::memcpy(&endpoint.address, entry->ai_addr, entry->ai_addrlen);
    endpoint.size = entry->ai_addrlen;
    char text[NI_MAXHOST] = "?";
    getnameinfo(entry->ai_addr, entry->ai_addrlen, text, sizeof text, nullptr, 0, NI_NUMERICHOST);
    endpoint.text = (entry->ai_family == AF_INET6 ? "[" + std::string(text) + "]" : text) + ":" + port;
  }
  return endpoints;
}

}  // namespace

// Shared with the thread, so that either may go first.
struct Resolver::Lookup {
  std::promise<Answer> answer;
  Fd wake{eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
};

Resolver::Resolver(EventLoop& loop, std::string host, std::uint16_t port)
    : loop_(loop),
      host_(std::move(host)),
      port_(std::to_string(port)),
      literal_(resolve(host_, port_, AI_NUMERICHOST)) {}

void Resolver::look_up(Handler handler) {
  if (literal_) return handler(literal_);
  handler_ = std::move(handler);
  if (lookup_) return;
  auto lookup = std::make_shared<Lookup>();
  if (!lookup->wake) return std::exchange(handler_, nullptr)(Error{std::strerror(errno)});
  try {
    done_ = IoWatch(loop_, lookup->wake.get(), EPOLLIN, [this](std::uint32_t) { answered(); });
    std::thread([lookup, host = host_, port = port_] {
      lookup->answer.set_value(resolve(host, port, AI_ADDRCONFIG));
      eventfd_write(lookup->wake.get(), 1);
    }).detach();
    lookup_ = std::move(lookup);
  } catch (const std::system_error& failure) {
    done_ = IoWatch();
    std::exchange(handler_, nullptr)(Error{std::string("no thread for the lookup: ") + failure.what()});
  }
}

void Resolver::answered() {
  done_ = IoWatch();
  const Answer answer = std::exchange(lookup_, nullptr)->answer.get_future().get();
  if (handler_) std::exchange(handler_, nullptr)(answer);
}

}  // namespace holdfast
