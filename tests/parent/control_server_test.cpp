#include "parent/control_server.hpp"

#include "tests/parent/loop_support.hpp"
#include "tests/parent/temp_folder.hpp"

#include <fcntl.h>
#include <grp.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <catch2/catch.hpp>

#include <array>
#include <cstring>
#include <memory>
#include <optional>
#include <vector>

using namespace holdfast;
using namespace holdfast::testing;

namespace {

using Json = nlohmann::ordered_json;

class Client {
 public:
  explicit Client(const std::string& path) : socket_(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
    connected = connect(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  }
  void say(const std::string& text) { send(socket_.get(), text.data(), text.size(), MSG_NOSIGNAL); }
  void say_no_more() { shutdown(socket_.get(), SHUT_WR); }
  // False once the server has closed the connection.
  bool listen() {
    std::array<char, 65536> buffer;
    const ssize_t size = recv(socket_.get(), buffer.data(), buffer.size(), 0);
    if (size > 0) heard.append(buffer.data(), static_cast<std::size_t>(size));
    return size > 0 || (size < 0 && errno == EAGAIN);
  }

  bool connected = false;
  std::string heard;

 private:
  Fd socket_;
};

struct Server {
  TempFolder folder;
  EventLoop loop;
  std::vector<ControlServer::Answer> pending;  // status requests that wait
  std::unique_ptr<ControlServer> server;
  bool hold = false;

  Server() {
    using Access = ControlServer::Access;
    auto opened =
        ControlServer::open(loop, folder.path,
                            {{"status", Access::read,
                              [this](const Json&, ControlServer::Answer answer) {
                                if (hold)
                                  pending.push_back(answer);
                                else
                                  answer({{"ok", true}, {"status", "fine"}});
                              }},
                             {"reload", Access::change,
                              [](const Json& request, ControlServer::Answer answer) {
                                answer({{"ok", true}, {"changes", request.value("said", Json::array())}});
                              }},
                             {"together", Access::read,
                              [this](const Json&, ControlServer::Answer answer) { pending.push_back(answer); }, true}});
    REQUIRE(opened);
    server = std::move(*opened);
  }
  std::string path() const { return folder.file("control.sock"); }

  std::string until_closed(Client& client) {
    REQUIRE(run_until(loop, [&] { return !client.listen(); }));
    return client.heard;
  }
  std::string ask(const std::string& text) {
    Client client(path());
    client.say(text);
    return until_closed(client);
  }
};

}  // namespace

TEST_CASE_METHOD(Server, "a command is answered and the connection closed") {
  CHECK(ask("{\"command\":\"status\"}\n") == "{\"ok\":true,\"status\":\"fine\"}\n");
  CHECK(ask("{\"command\":\"reload\"}\n") == "{\"ok\":true,\"changes\":[]}\n");
  CHECK(ask("{\"command\":\"reload\",\"said\":[1]}\n") == "{\"ok\":true,\"changes\":[1]}\n");
}

TEST_CASE_METHOD(Server, "a request may come in pieces") {
  Client client(path());
  for (const char c : std::string("{\"command\":\"status\"}")) {
    client.say(std::string(1, c));
    sd_event_run(loop.raw(), 1000);
  }
  client.say("\n");
  CHECK_THAT(until_closed(client), Catch::Contains("fine"));
}

TEST_CASE_METHOD(Server, "nonsense is refused with a reason") {
  CHECK_THAT(ask("garbage\n"), Catch::Contains("\"ok\":false") && Catch::Contains("one line of JSON"));
  CHECK_THAT(ask("\n"), Catch::Contains("one line of JSON"));
  CHECK_THAT(ask("[1,2]\n"), Catch::Contains("one line of JSON"));
  CHECK_THAT(ask("{\"command\":7}\n"), Catch::Contains("one line of JSON"));
  CHECK_THAT(ask("{\"command\":\"dance\"}\n"),
             Catch::Contains("there is no command 'dance'; there are: status, reload, together"));
  CHECK_THAT(ask("{\"command\":\"\xff\xfe\"}\n"), Catch::Contains("\"ok\":false"));
  CHECK_THAT(ask(std::string(2000, '[') + "\n"), Catch::Contains("one line of JSON"));
  CHECK_THAT(ask(std::string(5000, 'x')), Catch::Contains("longer than 4096 bytes"));
  CHECK_THAT(ask(std::string(5000, 'x') + "\n"), Catch::Contains("longer than 4096 bytes"));
  CHECK_THAT(ask("{\"command\":\"status\"}\n"), Catch::Contains("fine"));  // and is none the worse for it
}

TEST_CASE_METHOD(Server, "the end of what a client sends ends its line, and it still gets the answer") {
  Client half(path());
  half.say("{\"command\":\"status\"}");
  half.say_no_more();
  CHECK_THAT(until_closed(half), Catch::Contains("fine"));
  Client whole(path());
  hold = true;
  whole.say("{\"command\":\"status\"}\n");
  whole.say_no_more();
  REQUIRE(run_until(loop, [&] { return pending.size() == 1; }));
  run_for(loop, std::chrono::milliseconds(50));
  pending[0]({{"ok", true}, {"status", "late"}});
  CHECK_THAT(until_closed(whole), Catch::Contains("late"));
  Client silent(path());
  silent.say_no_more();
  CHECK(until_closed(silent) == "");
}

TEST_CASE_METHOD(Server, "a shared answer is made once for all who wait for it, and not all the time") {
  std::vector<std::unique_ptr<Client>> crowd;
  const auto ask_together = [&](std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      crowd.push_back(std::make_unique<Client>(path()));
      crowd.back()->say("{\"command\":\"together\"}\n");
    }
  };
  ask_together(1);
  REQUIRE(run_until(loop, [&] { return pending.size() == 1; }));
  ask_together(10);  // too late for the first answer
  run_for(loop, std::chrono::milliseconds(50));
  CHECK(pending.size() == 1);
  pending[0]({{"ok", true}, {"said", "first"}});
  CHECK_THAT(until_closed(*crowd[0]), Catch::Contains("first"));
  const TimePoint answered = loop.now();
  REQUIRE(run_until(loop, [&] { return pending.size() == 2; }));
  CHECK(loop.now() - answered > std::chrono::milliseconds(3 * 50 - 10));  // as it took 50 ms or longer
  pending[1]({{"ok", true}, {"said", "second"}});
  for (std::size_t i = 1; i < crowd.size(); ++i) CHECK_THAT(until_closed(*crowd[i]), Catch::Contains("second"));
  run_for(loop, std::chrono::milliseconds(50));
  CHECK(pending.size() == 2);  // nobody waits
}

TEST_CASE_METHOD(Server, "who connects and says nothing is shown out, and disturbs nobody") {
  Client silent(path());
  Client half(path());
  half.say("{\"comm");
  CHECK_THAT(ask("{\"command\":\"status\"}\n"), Catch::Contains("fine"));
  CHECK(until_closed(silent) == "");
  CHECK(until_closed(half) == "");
}

TEST_CASE_METHOD(Server, "who goes away while the answer is made is forgotten") {
  hold = true;
  {
    Client client(path());
    client.say("{\"command\":\"status\"}\n");
    REQUIRE(run_until(loop, [&] { return pending.size() == 1; }));
  }
  run_for(loop, std::chrono::milliseconds(50));
  pending[0]({{"ok", true}});
  hold = false;
  CHECK_THAT(ask("{\"command\":\"status\"}\n"), Catch::Contains("fine"));
}

TEST_CASE_METHOD(Server, "a large answer goes out in pieces to whoever reads, and not to whoever doesn't") {
  hold = true;
  Client reader(path()), sleeper(path());
  reader.say("{\"command\":\"status\"}\n");
  sleeper.say("{\"command\":\"status\"}\n");
  REQUIRE(run_until(loop, [&] { return pending.size() == 2; }));
  const std::string large(3'000'000, 'x');
  for (const auto& answer : pending) answer({{"ok", true}, {"status", large}});
  CHECK(until_closed(reader).size() > large.size());
  run_for(loop, ControlServer::patience + std::chrono::seconds(1));
  CHECK(until_closed(sleeper).size() < large.size());
}

TEST_CASE_METHOD(Server, "no more than so many connections at once") {
  const std::size_t most = ControlServer::most_connections + (geteuid() == 0 ? ControlServer::places_for_root : 0);
  std::vector<std::unique_ptr<Client>> crowd;
  for (std::size_t i = 0; i < most; ++i) {
    crowd.push_back(std::make_unique<Client>(path()));
    REQUIRE(crowd.back()->connected);
    sd_event_run(loop.raw(), 1000);
  }
  CHECK_THAT(ask("{\"command\":\"status\"}\n"), Catch::Contains("too many connections"));
  crowd.pop_back();
  run_for(loop, std::chrono::milliseconds(50));
  CHECK_THAT(ask("{\"command\":\"status\"}\n"), Catch::Contains("fine"));
}

TEST_CASE_METHOD(Server, "one user can't take the places of the others") {
  if (geteuid() != 0) return;
  std::vector<std::unique_ptr<Client>> crowd;
  const auto as_user = [&](uid_t uid) {
    REQUIRE(seteuid(uid) == 0);
    crowd.push_back(std::make_unique<Client>(path()));
    REQUIRE(seteuid(0) == 0);
    REQUIRE(crowd.back()->connected);
    run_for(loop, std::chrono::milliseconds(20));
    crowd.back()->listen();
    return crowd.back()->heard;
  };
  for (std::size_t i = 0; i < ControlServer::most_of_one_user; ++i) CHECK(as_user(60000) == "");
  CHECK_THAT(as_user(60000), Catch::Contains("too many connections"));
  CHECK(as_user(60001) == "");
  CHECK_THAT(ask("{\"command\":\"status\"}\n"), Catch::Contains("fine"));
}

TEST_CASE_METHOD(Server, "the socket goes with the server, and replaces a stale one") {
  struct stat status {};
  REQUIRE(stat(path().c_str(), &status) == 0);
  server.reset();
  CHECK(stat(path().c_str(), &status) != 0);
  folder.write("control.sock", "stale", 0644);
  auto again = ControlServer::open(loop, folder.path, {});
  REQUIRE(again);
  CHECK(Client(path()).connected);
}

TEST_CASE_METHOD(Server, "an admin group that does not exist is told") {
  CHECK(server->set_admin_group(""));
  CHECK_THAT(server->set_admin_group("nobody-has-this-group").error().text,
             Catch::Contains("there is no group 'nobody-has-this-group'"));
}

TEST_CASE_METHOD(Server, "members of the admin group may ask and change, others neither") {
  if (geteuid() != 0 || getgrnam("holdfast")) return;  // with readers of its own the door is another
  REQUIRE(server->set_admin_group("games"));
  // A child of another user asks; its answer comes back through a pipe.
  const auto ask_as = [&](uid_t uid, gid_t gid, const std::string& request) {
    int ends[2];
    REQUIRE(pipe2(ends, O_NONBLOCK) == 0);
    const pid_t child = fork();
    if (child == 0) {
      [[maybe_unused]] const bool dropped = setgid(gid) == 0 && setuid(uid) == 0;
      Client client(path());
      if (client.connected) client.say(request);
      while (client.connected && client.listen()) usleep(1000);
      const std::string answer = client.connected ? client.heard : "refused";
      [[maybe_unused]] const ssize_t size = write(ends[1], answer.data(), answer.size());
      _exit(0);
    }
    close(ends[1]);
    std::array<char, 4096> buffer;
    std::string heard;
    run_until(loop, [&] {
      const ssize_t size = read(ends[0], buffer.data(), buffer.size());
      if (size > 0) heard.append(buffer.data(), static_cast<std::size_t>(size));
      return size == 0;
    });
    close(ends[0]);
    return heard;
  };
  struct stat status {};
  stat(path().c_str(), &status);
  CHECK_THAT(ask_as(60000, 60000, "{\"command\":\"status\"}\n"), Catch::Contains("only root and the members"));
  CHECK_THAT(ask_as(60000, 60, "{\"command\":\"reload\"}\n"), Catch::Contains("\"ok\":true"));
  REQUIRE(server->set_admin_group(""));
  CHECK_THAT(ask_as(60000, 60, "{\"command\":\"reload\"}\n"), Catch::Contains("only root may do that"));
}
