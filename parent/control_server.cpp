#include "parent/control_server.hpp"

#include <fcntl.h>
#include <grp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string_view>
#include <utility>
#include <vector>

namespace holdfast {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* reader_group_name = "holdfast";

// Whoever is not accepted yet waits in the kernel.
constexpr int backlog = 128;
constexpr Duration accept_interval = std::chrono::milliseconds(20);
constexpr unsigned accepted_in_it = 100;

// What a child or a command said may not be UTF-8; it is shown with replacement characters then.
std::shared_ptr<const std::string> dump(const Json& document) {
  return std::make_shared<const std::string>(document.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) +
                                             "\n");
}

std::optional<gid_t> find_group(const std::string& name) {
  const group* entry = getgrnam(name.c_str());
  return entry ? std::optional(entry->gr_gid) : std::nullopt;
}

// All groups of the process at the other end, as of its connect().
std::vector<gid_t> groups_of_peer(int socket, gid_t primary) {
  std::vector<gid_t> groups(64);
  socklen_t size = static_cast<socklen_t>(groups.size() * sizeof(gid_t));
  if (getsockopt(socket, SOL_SOCKET, SO_PEERGROUPS, groups.data(), &size) != 0 && errno == ERANGE) {
    groups.resize(size / sizeof(gid_t));
    if (getsockopt(socket, SOL_SOCKET, SO_PEERGROUPS, groups.data(), &size) != 0) size = 0;
  }
  groups.resize(size / sizeof(gid_t));
  groups.push_back(primary);
  return groups;
}

}  // namespace

Json ControlServer::refusal(const std::string& text) { return {{"ok", false}, {"errors", Json::array({text})}}; }

struct ControlServer::Connection {
  Fd socket;
  uid_t uid = static_cast<uid_t>(-1);
  std::vector<gid_t> groups;
  std::string input;
  bool asked = false;
  Text output;  // null until there is an answer
  std::size_t sent = 0;
  IoWatch watch;
  std::unique_ptr<Timer> limit;
};

Result<std::unique_ptr<ControlServer>> ControlServer::open(EventLoop& loop, const std::string& runtime_dir,
                                                           std::vector<Command> commands) {
  const std::string path = runtime_dir + "/control.sock";
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) {
    return Error{"the path " + path + " is too long for a socket; choose a shorter --runtime-dir"};
  }
  std::copy(path.begin(), path.end(), address.sun_path);
  const auto failed = [&] { return Error{"cannot listen on " + path + ": " + std::strerror(errno)}; };

  Fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!socket) return failed();
  if (unlink(path.c_str()) != 0 && errno != ENOENT) return failed();
  const auto readers = find_group(reader_group_name);
  if (bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) return failed();
  // Everybody may connect; who may do what is decided by the credentials of the peer.
  if (chmod(path.c_str(), 0666) != 0 || listen(socket.get(), backlog) != 0) return failed();

  std::unique_ptr<ControlServer> server(new ControlServer(loop, path, std::move(socket), std::move(commands)));
  server->reader_group_ = readers;
  return server;
}

ControlServer::ControlServer(EventLoop& loop, std::string path, Fd socket, std::vector<Command> commands)
    : loop_(loop),
      path_(std::move(path)),
      socket_(std::move(socket)),
      commands_(std::move(commands)),
      watch_(
          loop, socket_.get(), EPOLLIN, [this](std::uint32_t) { accept_some(); }, LoopPriority::idle),
      accept_again_(loop, [this] { watch_.set_events(EPOLLIN); }) {
  watch_.limit_rate(accept_interval, accepted_in_it);
}

ControlServer::~ControlServer() { unlink(path_.c_str()); }

Status ControlServer::set_admin_group(const std::string& name) {
  admin_group_.reset();
  if (name.empty()) return {};
  admin_group_ = find_group(name);
  if (!admin_group_)
    return Error{"runtime.admin_group: there is no group '" + name + "' on this host; only root may change things"};
  return {};
}

void ControlServer::accept_some() {
  Fd socket(accept4(socket_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
  if (!socket) {
    if (errno == EAGAIN || errno == EINTR || errno == ECONNABORTED) return;
    // Out of descriptors or memory: the socket stays readable, so look away for a moment.
    watch_.set_events(0);
    accept_again_.arm(loop_.now() + accept_pause);
    return;
  }
  ucred peer{};
  socklen_t size = sizeof peer;
  if (getsockopt(socket.get(), SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return;
  if (!has_place_for(peer.uid)) {
    const Text text = dump(refusal("too many connections to holdfastd at once; try again in a moment"));
    [[maybe_unused]] const ssize_t sent = send(socket.get(), text->data(), text->size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    return;
  }
  const std::uint64_t id = ++last_id_;
  auto connection = std::make_unique<Connection>();
  connection->uid = peer.uid;
  connection->groups = groups_of_peer(socket.get(), peer.gid);
  connection->socket = std::move(socket);
  connection->watch = IoWatch(
      loop_, connection->socket.get(), EPOLLIN, [this, id](std::uint32_t events) { on_ready(id, events); },
      LoopPriority::idle);
  connection->limit = std::make_unique<Timer>(loop_, [this, id] { connections_.erase(id); });
  connection->limit->arm(loop_.now() + patience);
  connections_[id] = std::move(connection);
}

// Whoever fills the places locks nobody else out, and all of them together not root.
bool ControlServer::has_place_for(uid_t uid) const {
  if (uid == 0) return connections_.size() < most_connections + places_for_root;
  const auto same_user = [uid](const auto& entry) { return entry.second->uid == uid; };
  const auto of_this_user = std::count_if(connections_.begin(), connections_.end(), same_user);
  return connections_.size() < most_connections && static_cast<std::size_t>(of_this_user) < most_of_one_user;
}

void ControlServer::on_ready(std::uint64_t id, std::uint32_t events) {
  Connection& connection = *connections_.at(id);
  if (connection.output) return write_some(id, connection);
  if (!connection.asked && (events & EPOLLIN)) return read_request(id, connection);
  if (events & (EPOLLHUP | EPOLLERR)) connections_.erase(id);
}

void ControlServer::read_request(std::uint64_t id, Connection& connection) {
  char buffer[longest_request];
  const ssize_t size = recv(connection.socket.get(), buffer, sizeof buffer, 0);
  if (size < 0 && (errno == EAGAIN || errno == EINTR)) return;
  const bool no_more = size == 0 && !connection.input.empty();  // it may still wait for the answer
  if (size <= 0 && !no_more) {
    connections_.erase(id);
    return;
  }
  connection.input.append(buffer, static_cast<std::size_t>(size));
  const std::size_t end = no_more ? connection.input.size() : connection.input.find('\n');
  if (end == std::string::npos && connection.input.size() < longest_request) return;
  connection.asked = true;
  connection.watch.set_events(0);  // a hang-up is still reported
  connection.limit->disarm();      // from here to the answer we are the ones who take the time
  if (end == std::string::npos || end >= longest_request) {
    return refuse(id, "the request is longer than " + std::to_string(longest_request) + " bytes");
  }
  const std::string line = connection.input.substr(0, end);
  handle(id, connection, line);
}

void ControlServer::handle(std::uint64_t id, Connection& connection, const std::string& line) {
  const Json request = Json::parse(line, nullptr, false);
  const auto command = request.is_object() ? request.find("command") : request.end();
  if (!request.is_object() || command == request.end() || !command->is_string()) {
    return refuse(id, "the request is not one line of JSON like {\"command\": \"status\"}");
  }
  const std::string name = command->get<std::string>();
  const auto wanted =
      std::find_if(commands_.begin(), commands_.end(), [&](const Command& each) { return each.name == name; });
  if (wanted == commands_.end()) {
    std::string known;
    for (const Command& each : commands_) known += (known.empty() ? "" : ", ") + each.name;
    return refuse(id, "there is no command '" + name.substr(0, 40) + "'; there are: " + known);
  }
  if (!may(connection, wanted->access)) {
    return refuse(id, wanted->access == Access::change
                          ? "only root may do that, and the members of the group that `runtime: {admin_group: NAME}` "
                            "names"
                          : "only root and the members of the group holdfast may read the status; join it: usermod -aG "
                            "holdfast USER");
  }
  if (wanted->shared) return ask_together(id, *wanted);
  // The connection may be gone by the time there is an answer; its number is never used again.
  wanted->run(request, [this, id](const Json& document) { answer(id, dump(document)); });
}

void ControlServer::ask_together(std::uint64_t id, const Command& command) {
  Round& round = rounds_[command.name];
  if (!round.next) {
    round.next = std::make_unique<Timer>(
        loop_, [this, &command, &round] { begin_round(command, round); }, LoopPriority::idle);
  }
  round.waiting.push_back(id);
  if (round.under_way) return;
  if (loop_.now() < round.not_before)
    round.next->arm(round.not_before);
  else
    begin_round(command, round);
}

void ControlServer::begin_round(const Command& command, Round& round) {
  const TimePoint began = loop_.now();
  round.under_way = true;
  round.next->disarm();
  const auto serve = [this, &round, began, served = std::exchange(round.waiting, {})](const Json& document) {
    const Text text = dump(document);
    for (const std::uint64_t id : served) answer(id, text);
    const TimePoint now = loop_.now();
    round.under_way = false;
    round.not_before = now + std::min(3 * (now - began), longest_rest);
    if (!round.waiting.empty()) round.next->arm(round.not_before);
  };
  command.run({{"command", command.name}}, serve);
}

bool ControlServer::may(const Connection& connection, Access access) const {
  if (connection.uid == 0) return true;
  const auto is_member = [&](const std::optional<gid_t>& wanted) {
    return wanted && std::find(connection.groups.begin(), connection.groups.end(), *wanted) != connection.groups.end();
  };
  return is_member(admin_group_) || (access == Access::read && is_member(reader_group_));
}

void ControlServer::refuse(std::uint64_t id, const std::string& why) { answer(id, dump(refusal(why))); }

void ControlServer::answer(std::uint64_t id, Text text) {
  const auto found = connections_.find(id);
  if (found == connections_.end()) return;
  Connection& connection = *found->second;
  connection.output = std::move(text);
  connection.limit->arm(loop_.now() + patience);
  write_some(id, connection);
}

void ControlServer::write_some(std::uint64_t id, Connection& connection) {
  const std::string_view rest = std::string_view(*connection.output).substr(connection.sent);
  const ssize_t sent = send(connection.socket.get(), rest.data(), rest.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  if (sent < 0 && errno != EAGAIN && errno != EINTR) {
    connections_.erase(id);
    return;
  }
  if (sent > 0) connection.sent += static_cast<std::size_t>(sent);
  if (connection.sent == connection.output->size())
    connections_.erase(id);
  else
    connection.watch.set_events(EPOLLOUT);
}

}  // namespace holdfast
