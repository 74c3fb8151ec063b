// Any bytes on the control socket, in two pieces, from a client that says no more after them: every request is answered
// with one line of JSON that says whether it worked, and the connection closes.
#include "parent/control_request.hpp"
#include "parent/control_server.hpp"

#include "common/fd.hpp"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>

using namespace holdfast;

namespace {

using Json = nlohmann::ordered_json;

struct Daemon {
  EventLoop loop;
  std::string folder = "/tmp/holdfast-fuzz-XXXXXX";
  std::unique_ptr<ControlServer> server;

  Daemon() {
    if (!mkdtemp(folder.data())) std::abort();
    const auto drain = [](bool may_force) {
      return [may_force](const Json& request, ControlServer::Answer answer) {
        const auto wanted = drain_request(request, may_force);
        if (!wanted) return answer(ControlServer::refusal(wanted.error().text));
        answer({{"ok", true}, {"changes", {wanted->instance}}});
      };
    };
    using Access = ControlServer::Access;
    auto opened = ControlServer::open(
        loop, folder,
        {{"status", Access::read,
          [](const Json&, ControlServer::Answer answer) {
            answer({{"ok", true}});
          }},
         {"notify-test", Access::change,
          [](const Json& request, ControlServer::Answer answer) {
            const auto target = target_request(request);
            answer(target ? Json{{"ok", true}, {"text", *target}} : ControlServer::refusal(target.error().text));
          }},
         {"drain", Access::change, drain(true)},
         {"resume", Access::change, drain(false)}});
    if (!opened) std::abort();
    server = std::move(*opened);
  }
  ~Daemon() {
    server.reset();
    std::filesystem::remove_all(folder);
  }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static Daemon daemon;
  if (size < 1) return 0;
  const Fd client(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  (daemon.folder + "/control.sock").copy(address.sun_path, sizeof address.sun_path - 1);
  if (connect(client.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) std::abort();

  const std::size_t first = std::min<std::size_t>(data[0], size - 1);
  send(client.get(), data + 1, first, MSG_NOSIGNAL);
  for (int i = 0; i < 3; ++i) sd_event_run(daemon.loop.raw(), 0);
  send(client.get(), data + 1 + first, size - 1 - first, MSG_NOSIGNAL);
  shutdown(client.get(), SHUT_WR);

  std::string answer;
  std::array<char, 65536> buffer;
  for (;;) {
    const ssize_t got = recv(client.get(), buffer.data(), buffer.size(), 0);
    if (got > 0) {
      answer.append(buffer.data(), static_cast<std::size_t>(got));
    } else if (got == 0 || errno != EAGAIN) {
      break;  // by an error where it did not read all that was said
    } else {
      sd_event_run(daemon.loop.raw(), 100'000);
    }
  }
  if (size == 1) {
    if (!answer.empty()) std::abort();
    return 0;
  }
  const Json document = Json::parse(answer, nullptr, false);
  if (!document.is_object() || !document["ok"].is_boolean() || answer.find('\n') != answer.size() - 1) std::abort();
  return 0;
}
