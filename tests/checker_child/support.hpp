// What the tests of the probes share: a loop that runs until something is true, processes, files and servers.
#pragma once

#include "checker_child/probes/probe_runner.hpp"
#include "common/event_loop.hpp"
#include "common/fd.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <thread>
#include <vector>

namespace holdfast::test {

using namespace std::chrono_literals;

// Long: it only passes when something is broken.
inline constexpr Duration patience = 20s;

inline bool run_until(EventLoop& loop, const std::function<bool()>& condition, Duration limit = patience) {
  const TimePoint end = loop.now() + limit;
  while (!condition()) {
    if (loop.now() >= end) return false;
    if (sd_event_get_state(loop.raw()) == SD_EVENT_FINISHED) return false;  // a handler threw
    sd_event_run(loop.raw(), 5000);
  }
  return true;
}

// Keeps what a runner reports.
struct Recorder {
  struct Finished {
    std::uint64_t run = 0;
    ProbeResult result;
  };
  std::vector<Finished> finished;
  std::vector<ProbeResult> events;
  int looks_wanted = 0;

  ProbeSink sink() {
    return {.finished =
                [this](std::uint64_t run, const ProbeResult& result) {
                  finished.push_back({run, result});
                },
            .event = [this](const ProbeResult& result) { events.push_back(result); },
            .look_now = [this] { ++looks_wanted; }};
  }
};

// One whole run.
inline ProbeResult run_once(EventLoop& loop, ProbeRunner& runner, Recorder& recorder) {
  const auto before = recorder.finished.size();
  const std::uint64_t number = 1000 + before;
  runner.start(number);
  REQUIRE(run_until(loop, [&] { return recorder.finished.size() > before; }));
  CHECK(recorder.finished.size() == before + 1);
  CHECK(recorder.finished.back().run == number);
  return recorder.finished.back().result;
}

class TempFolder {
 public:
  TempFolder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "holdfast-test-XXXXXX").string();
    REQUIRE(mkdtemp(pattern.data()));
    path_ = pattern;
  }
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;
  ~TempFolder() { std::filesystem::remove_all(path_); }

  std::string file(const std::string& name) const { return (path_ / name).string(); }

 private:
  std::filesystem::path path_;
};

inline void write_file(const std::string& path, const std::string& text) { std::ofstream(path) << text; }

// A child process that sleeps until it is killed; of the given name, if any.
class Sleeper {
 public:
  explicit Sleeper(const std::string& name = "") {
    int ready[2];
    REQUIRE(pipe(ready) == 0);
    pid_ = fork();
    REQUIRE(pid_ >= 0);
    if (pid_ == 0) {
      if (!name.empty()) prctl(PR_SET_NAME, name.c_str());
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      [[maybe_unused]] const auto said = write(ready[1], "x", 1);
      for (;;) pause();
    }
    char byte = 0;
    [[maybe_unused]] const auto got = read(ready[0], &byte, 1);
    close(ready[0]);
    close(ready[1]);
  }
  Sleeper(const Sleeper&) = delete;
  Sleeper& operator=(const Sleeper&) = delete;
  ~Sleeper() { kill_and_reap(); }

  pid_t pid() const { return pid_; }
  void kill_only() { kill(pid_, SIGKILL); }
  void kill_and_reap() {
    if (pid_ < 0) return;
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
    pid_ = -1;
  }

 private:
  pid_t pid_ = -1;
};

// A listening socket on 127.0.0.1, or at a path, that serves connections one after the other on a thread.
class Server {
 public:
  using Service = std::function<void(int connection)>;

  // Without a service connections wait in the backlog for ever.
  explicit Server(Service service = nullptr) : listener_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    REQUIRE(bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), size) == 0);
    REQUIRE(listen(listener_.get(), 16) == 0);
    REQUIRE(getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&address), &size) == 0);
    port_ = ntohs(address.sin_port);
    if (service) serve(std::move(service));
  }
  Server(const std::string& path, Service service) : listener_(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    REQUIRE(bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
    REQUIRE(listen(listener_.get(), 16) == 0);
    serve(std::move(service));
  }
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  ~Server() { stop(); }

  // From now on connections are refused.
  void stop() {
    shutdown(listener_.get(), SHUT_RDWR);
    if (thread_.joinable()) thread_.join();
    listener_ = Fd();
  }

  std::uint16_t port() const { return port_; }
  std::string text() const { return "127.0.0.1:" + std::to_string(port_); }

 private:
  void serve(Service service) {
    thread_ = std::thread([this, service = std::move(service)] {
      for (;;) {
        const Fd connection(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
        if (!connection) return;
        service(connection.get());
      }
    });
  }

  Fd listener_;
  std::uint16_t port_ = 0;
  std::thread thread_;
};

// For services. A client that went away is no error.
inline bool write_all(int connection, const std::string& text) {
  return send(connection, text.data(), text.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(text.size());
}
inline std::string read_until(int connection, const std::string& end) {
  std::string text;
  char byte = 0;
  while (text.find(end) == std::string::npos && recv(connection, &byte, 1, 0) == 1) text += byte;
  return text;
}
// Keeps the connection open until the client closes it.
inline void wait_for_close(int connection) {
  char bytes[4096];
  while (recv(connection, bytes, sizeof bytes, 0) > 0) {
  }
}

}  // namespace holdfast::test
