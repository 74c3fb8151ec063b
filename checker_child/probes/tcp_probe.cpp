#include "checker_child/probes/tcp_probe.hpp"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

namespace holdfast {
namespace {

// Enough of a stranger's answer, or of an expression, for a person to know it again.
std::string excerpt(std::string_view text) {
  std::string shown(text.substr(0, 60));
  for (char& c : shown) {
    if (c < ' ' || c > '~') c = ' ';
  }
  return "'" + shown + (text.size() > 60 ? "...'" : "'");
}

}  // namespace

TcpProbeRunner::TcpProbeRunner(EventLoop& loop, TcpProbe probe, ProbeSink sink)
    : loop_(loop), probe_(std::move(probe)), sink_(std::move(sink)), resolver_(loop, probe_.host, probe_.port) {
  if (!probe_.expect.empty()) expect_ = Expression::compile(probe_.expect);
}

void TcpProbeRunner::start(std::uint64_t run) {
  run_ = run;
  if (expect_ && !*expect_) {
    return finish(false, "the expression " + excerpt(probe_.expect) + " cannot be used: " + expect_->error().text);
  }
  waiting_for_ = "looking up " + probe_.host;
  resolver_.look_up([this](const Resolver::Answer& answer) {
    if (!answer) return finish(false, "cannot look up " + probe_.host + ": " + answer.error().text);
    endpoints_ = *answer;
    connect_next();
  });
}

void TcpProbeRunner::cancel() {
  resolver_.cancel();
  watch_ = IoWatch();
  socket_ = Fd();
  run_.reset();
}

void TcpProbeRunner::finish(bool good, std::string detail) {
  const auto run = *run_;
  cancel();
  sink_.finished(run, {.good = good, .detail = std::move(detail)});
}

void TcpProbeRunner::connect_next() {
  const Endpoint& endpoint = endpoints_.front();
  waiting_for_ = "connecting to " + endpoint.text;
  socket_ = Fd(socket(endpoint.address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!socket_) return connection_failed(errno);
  if (connect(socket_.get(), reinterpret_cast<const sockaddr*>(&endpoint.address), endpoint.size) == 0) {
    return connected();
  }
  if (errno != EINPROGRESS) return connection_failed(errno);
  watch_ = IoWatch(loop_, socket_.get(), EPOLLOUT, [this](std::uint32_t) {
    int failure = 0;
    socklen_t size = sizeof failure;
    getsockopt(socket_.get(), SOL_SOCKET, SO_ERROR, &failure, &size);
    if (failure != 0)
      connection_failed(failure);
    else
      connected();
  });
}

void TcpProbeRunner::connection_failed(int error_number) {
  watch_ = IoWatch();
  const std::string text = endpoints_.front().text;
  endpoints_.erase(endpoints_.begin());
  if (!endpoints_.empty()) return connect_next();
  finish(false, "connect to " + text + ": " + std::strerror(error_number));
}

void TcpProbeRunner::connected() {
  watch_ = IoWatch();  // one descriptor has one watch
  unsent_ = probe_.send;
  answer_.clear();
  if (unsent_.empty() && !expect_) return finish(true, "connected to " + endpoints_.front().text);
  waiting_for_ = "sending to " + endpoints_.front().text;
  if (expect_) waiting_for_ = "connected to " + endpoints_.front().text + ", but no " + excerpt(probe_.expect) + " came";
  watch_ = IoWatch(loop_, socket_.get(), EPOLLOUT, [this](std::uint32_t events) { ready(events); });
}

void TcpProbeRunner::ready(std::uint32_t events) {
  if ((events & EPOLLOUT) != 0 && !unsent_.empty() && !send_rest()) return;
  if (!expect_) {
    if (unsent_.empty()) finish(true, "connected to " + endpoints_.front().text + " and sent what was to be sent");
    return;
  }
  watch_.set_events(unsent_.empty() ? EPOLLIN : EPOLLIN | EPOLLOUT);
  if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) == 0) return;
  while (read_some()) {
  }
}

bool TcpProbeRunner::send_rest() {
  const ssize_t sent = send(socket_.get(), unsent_.data(), unsent_.size(), MSG_NOSIGNAL);
  if (sent >= 0) {
    unsent_.remove_prefix(static_cast<std::size_t>(sent));
    return true;
  }
  if (errno == EAGAIN || errno == EINTR) return true;
  finish(false, "send to " + endpoints_.front().text + ": " + std::strerror(errno));
  return false;
}

bool TcpProbeRunner::read_some() {
  std::array<char, answer_limit> buffer;
  const ssize_t got = recv(socket_.get(), buffer.data(), answer_limit - answer_.size(), 0);
  if (got > 0) {
    answer_.append(buffer.data(), static_cast<std::size_t>(got));
    if (answer_.size() < answer_limit) return true;
    judge(false);
    return false;
  }
  if (got < 0 && errno == EINTR) return true;
  if (got < 0 && errno != EAGAIN) {
    finish(false, "receive from " + endpoints_.front().text + ": " + std::strerror(errno));
    return false;
  }
  judge(got == 0);
  return false;
}

void TcpProbeRunner::judge(bool closed) {
  // An answer before the question does not count.
  if (unsent_.empty() && (*expect_)->found_in(answer_)) {
    return finish(true, endpoints_.front().text + " answered as expected");
  }
  if (closed && answer_.empty()) {
    return finish(false, endpoints_.front().text + " closed the connection without an answer");
  }
  if (closed || answer_.size() == answer_limit) {
    return finish(false, endpoints_.front().text + " answered " + excerpt(answer_) + ", which does not match " +
                             excerpt(probe_.expect));
  }
  if (!answer_.empty()) {
    waiting_for_ = endpoints_.front().text + " answered " + excerpt(answer_) + ", but not " + excerpt(probe_.expect);
  }
}

}  // namespace holdfast
