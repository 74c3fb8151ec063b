// Host names to addresses without blocking the loop.
#pragma once

#include "common/event_loop.hpp"
#include "common/result.hpp"

#include <netinet/in.h>
#include <sys/socket.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace holdfast {

// Where to connect to.
struct Endpoint {
  sockaddr_storage address{};
  socklen_t size = 0;
  std::string text;  // "127.0.0.1:80", "[::1]:80"
};

// Looks one host up, again and again. A literal address is answered at once; a name by a thread that lives for
// one lookup, of which there is at most one, however long the name servers take.
class Resolver {
 public:
  using Answer = Result<std::vector<Endpoint>>;  // at least one endpoint
  using Handler = std::function<void(const Answer&)>;

  Resolver(EventLoop& loop, std::string host, std::uint16_t port);

  // Calls `handler` once, perhaps before this returns, unless cancelled.
  void look_up(Handler handler);
  void cancel() { handler_ = nullptr; }

 private:
  struct Lookup;
  void answered();

  EventLoop& loop_;
  std::string host_;
  std::string port_;
  Answer literal_;
  Handler handler_;
  std::shared_ptr<Lookup> lookup_;  // in flight, perhaps on behalf of a cancelled look_up()
  IoWatch done_;
};

}  // namespace holdfast
