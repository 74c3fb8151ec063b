#include "cli/control_client.hpp"

#include "common/fd.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <iostream>
#include <system_error>
#include <thread>

namespace holdfast {

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t largest_answer = 64u << 20;  // bytes; thousands of instances stay far below

ControlFailure failure(std::string text, ExitCode exit_code = exit_failed) { return {exit_code, {std::move(text)}}; }

std::string because(int error) { return std::system_category().message(error); }

ControlFailure too_slow(const std::string& path, std::chrono::milliseconds patience) {
  ControlFailure result =
      failure("holdfastd did not answer at " + path + " within " + std::to_string(patience.count()) +
              " ms, so it hangs or the host is overloaded; look at `systemctl status holdfast` and "
              "`journalctl -u holdfast`");
  result.timed_out = true;
  return result;
}

ControlFailure broken_off(const std::string& path, const std::string& why) {
  return failure("the conversation with holdfastd at " + path + " broke off (" + why +
                 "); it may have stopped just now: look at `journalctl -u holdfast`");
}

// Waits until the socket is ready for `events`; false when the deadline has passed.
bool wait_for(int fd, short events, Clock::time_point deadline) {
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()).count();
    pollfd entry{fd, events, 0};
    const int ready = left > 0 ? ::poll(&entry, 1, static_cast<int>(left)) : 0;
    if (ready > 0) return true;
    if (ready == 0 || errno != EINTR) return false;
  }
}

Result<Fd, ControlFailure> connect_to(const std::string& path, Clock::time_point deadline,
                                      std::chrono::milliseconds patience) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) {
    return failure("the path " + path + " is too long for a socket; use a shorter --runtime-dir");
  }
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  Fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket) return failure("can't make a socket: " + because(errno));
  while (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    const int error = errno;
    if (error == EINTR) continue;
    if (error == EAGAIN && Clock::now() < deadline) {  // its queue of callers is full
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
      continue;
    }
    if (error == EAGAIN) return too_slow(path, patience);
    if (error == ENOENT || error == ENOTDIR || error == ECONNREFUSED) {
      return failure("holdfastd is not running (no answer at " + path +
                         "); start it with `systemctl start holdfast`, or name its --runtime-dir; "
                         "or it fails to start: see `holdfast validate` and `journalctl -u holdfast`",
                     exit_no_daemon);
    }
    if (error == EACCES || error == EPERM) {
      return failure("you may not ask the daemon at " + path +
                     "; run this as root, or as a member of the group `holdfast` (`usermod -aG holdfast USER`, then "
                     "log in again)");
    }
    return failure("can't reach holdfastd at " + path + ": " + because(error));
  }
  return socket;
}

Result<Json, ControlFailure> judge(const std::string& path, const std::string& answer) {
  if (answer.empty()) return broken_off(path, "no answer came");
  Json document = Json::parse(answer, nullptr, false);
  const auto ok = document.is_object() ? document.find("ok") : document.end();
  if (!document.is_object() || ok == document.end() || !ok->is_boolean()) {
    return broken_off(path, "the answer is incomplete or not its own");
  }
  if (ok->get<bool>()) return document;
  ControlFailure refusal;
  refusal.refused = true;
  for (const Json& line : document.value("errors", Json::array())) {
    if (line.is_string()) refusal.lines.push_back(line.get<std::string>());
  }
  if (refusal.lines.empty())
    refusal.lines.push_back("holdfastd refused without a reason; look at `journalctl -u holdfast`");
  return refusal;
}

}  // namespace

Result<Json, ControlFailure> ask_daemon(const std::string& runtime_dir, const Json& request,
                                        std::chrono::milliseconds patience) {
  const std::string path = runtime_dir + "/control.sock";
  const Clock::time_point deadline = Clock::now() + patience;
  auto socket = connect_to(path, deadline, patience);
  if (!socket) return socket.error();
  const int fd = socket->get();

  const std::string line = request.dump() + "\n";
  for (std::size_t sent = 0; sent < line.size();) {
    const ssize_t count = ::send(fd, line.data() + sent, line.size() - sent, MSG_NOSIGNAL);
    if (count >= 0) {
      sent += static_cast<std::size_t>(count);
    } else if (errno == EAGAIN) {
      if (!wait_for(fd, POLLOUT, deadline)) return too_slow(path, patience);
    } else if (errno == EPIPE || errno == ECONNRESET) {
      break;  // it may have said why before it hung up
    } else if (errno != EINTR) {
      return broken_off(path, because(errno));
    }
  }

  std::string answer;
  std::array<char, 65536> buffer;
  for (;;) {
    const ssize_t count = ::recv(fd, buffer.data(), buffer.size(), 0);
    if (count == 0) return judge(path, answer);
    if (count > 0) {
      answer.append(buffer.data(), static_cast<std::size_t>(count));
      if (answer.size() > largest_answer) return broken_off(path, "its answer does not end");
    } else if (errno == EAGAIN) {
      if (!wait_for(fd, POLLIN, deadline)) return too_slow(path, patience);
    } else if (errno != EINTR) {
      return broken_off(path, because(errno));
    }
  }
}

std::size_t print_lines(const Json& answer, const char* key, std::ostream& out) {
  std::size_t count = 0;
  for (const Json& entry : answer.value(key, Json::array())) {
    if (!entry.is_string()) continue;
    out << entry.get_ref<const std::string&>() << '\n';
    ++count;
  }
  return count;
}

int report(const ControlFailure& failure) {
  for (const std::string& line : failure.lines) std::cerr << line << '\n';
  return failure.exit_code;
}

}  // namespace holdfast
