// What the service manager is told (sd_notify(3)), without ever waiting for it: the library's own call waits where
// systemd is too busy to read.
#pragma once

#include "common/event_loop.hpp"
#include "common/fd.hpp"

#include <deque>
#include <string>

namespace holdfast {

class ServiceManager {
 public:
  // socket: as in NOTIFY_SOCKET: a path, or a name that begins with "@"; empty: there is nobody to tell.
  ServiceManager(EventLoop& loop, std::string socket);
  // The one of the environment.
  explicit ServiceManager(EventLoop& loop);

  // Lines as in sd_notify(3). What it does not take now it is told later, in order; of its state in words, only the
  // last.
  void tell(const std::string& lines);
  // A sign of life now and each time that half of `limit` has passed.
  void keep_alive(Duration limit);

  static constexpr Duration pause = std::chrono::milliseconds(100);

 private:
  void deliver();
  void sign_of_life();

  EventLoop& loop_;
  std::string socket_name_;
  Fd socket_;
  std::deque<std::string> waiting_;
  Timer again_;
  Timer alive_;
  Duration interval_{};
};

}  // namespace holdfast
