// A daemon's control socket in a directory of its own: answers each caller with what the test wants.
#pragma once

#include "common/fd.hpp"

#include <catch2/catch.hpp>

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <functional>
#include <string>
#include <thread>

namespace holdfast {

class TemporaryDirectory {
 public:
  TemporaryDirectory() : path_("/tmp/holdfast-cli-XXXXXX") { REQUIRE(mkdtemp(path_.data()) != nullptr); }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  ~TemporaryDirectory() { std::filesystem::remove_all(path_); }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

class FakeDaemon {
 public:
  // The handler gets the request without its line end and the connected socket, which closes after it.
  using Handler = std::function<void(const std::string& request, int socket)>;

  explicit FakeDaemon(Handler handler)
      : handler_(std::move(handler)), listener_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const std::string path = directory_.path() + "/control.sock";
    std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
    REQUIRE(::bind(listener_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
    REQUIRE(::listen(listener_.get(), 8) == 0);
    thread_ = std::thread([this] { serve(); });
  }
  ~FakeDaemon() {
    ::shutdown(listener_.get(), SHUT_RDWR);
    thread_.join();
  }

  const std::string& runtime_dir() const { return directory_.path(); }

 private:
  void serve() {
    for (;;) {
      const Fd caller(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
      if (!caller) return;
      std::string request;
      for (char byte = 0; ::read(caller.get(), &byte, 1) == 1 && byte != '\n';) request += byte;
      handler_(request, caller.get());
    }
  }

  TemporaryDirectory directory_;
  Handler handler_;
  Fd listener_;
  std::thread thread_;
};

// A handler that answers everybody alike.
inline FakeDaemon::Handler answering(std::string text) {
  return [text = std::move(text)](const std::string&, int socket) {
    static_cast<void>(::send(socket, text.data(), text.size(), MSG_NOSIGNAL));
  };
}

}  // namespace holdfast
