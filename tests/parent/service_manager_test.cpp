#include "parent/service_manager.hpp"

#include "tests/parent/loop_support.hpp"
#include "tests/parent/temp_folder.hpp"

#include <sys/socket.h>
#include <sys/un.h>
#include <catch2/catch.hpp>

#include <algorithm>
#include <array>
#include <optional>
#include <vector>

using namespace holdfast;
using namespace holdfast::testing;
using namespace std::chrono_literals;

namespace {

struct Manager {
  TempFolder folder;
  std::string path = folder.file("notify");
  Fd socket{::socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};

  Manager() {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::copy(path.begin(), path.end(), address.sun_path);
    REQUIRE(bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  }

  std::vector<std::string> read() const {
    std::vector<std::string> heard;
    std::array<char, 1000> text;
    for (;;) {
      const ssize_t size = recv(socket.get(), text.data(), text.size(), 0);
      if (size < 0) return heard;
      heard.emplace_back(text.data(), static_cast<std::size_t>(size));
    }
  }
};

}  // namespace

TEST_CASE("the service manager is told, in order") {
  Manager manager;
  EventLoop loop;
  ServiceManager told(loop, manager.path);
  told.tell("STATUS=one");
  told.tell("READY=1");
  CHECK(manager.read() == std::vector<std::string>{"STATUS=one", "READY=1"});
}

TEST_CASE("a service manager that does not read is not waited for, and told later") {
  Manager manager;
  EventLoop loop;
  ServiceManager told(loop, manager.path);
  const int more_than_it_queues = 50;
  for (int i = 0; i < more_than_it_queues; ++i) told.tell("X_NUMBER=" + std::to_string(i));
  told.tell("STATUS=old");
  told.tell("STATUS=new");
  std::vector<std::string> heard;
  REQUIRE(run_until(loop, [&] {
    const auto more = manager.read();
    heard.insert(heard.end(), more.begin(), more.end());
    return !heard.empty() && heard.back() == "STATUS=new";
  }));
  CHECK(heard.size() == more_than_it_queues + 1);
  CHECK(std::count(heard.begin(), heard.end(), "STATUS=old") == 0);
  CHECK(heard.front() == "X_NUMBER=0");
}

TEST_CASE("the sign of life comes again and again, and never in a queue") {
  Manager manager;
  EventLoop loop;
  ServiceManager told(loop, manager.path);
  told.keep_alive(10ms);
  std::size_t signs = 0;
  CHECK(run_until(loop, [&] {
    signs += manager.read().size();
    return signs >= 3;
  }));
}

TEST_CASE("without a service manager nothing happens") {
  EventLoop loop;
  ServiceManager told(loop, "");
  told.tell("READY=1");
  told.keep_alive(1s);
  ServiceManager gone(loop, "/nonexistent/notify");
  gone.tell("READY=1");
}
