#include "parent/journal.hpp"

#include "parent/wall_clock.hpp"

#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <syslog.h>
#include <systemd/sd-journal.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <deque>
#include <mutex>
#include <string_view>
#include <thread>

namespace holdfast {
namespace {

constexpr std::chrono::seconds patience_at_end(1);

struct Stamped {
  JournalEntry entry;
  std::chrono::system_clock::time_point at;
};

int syslog_priority(LogLevel level) {
  switch (level) {
    case LogLevel::error: return LOG_ERR;
    case LogLevel::warning: return LOG_WARNING;
    case LogLevel::notice: return LOG_NOTICE;
    case LogLevel::info: return LOG_INFO;
    case LogLevel::debug: return LOG_DEBUG;
  }
  return LOG_INFO;
}

void write_to_journald(const Stamped& stamped) {
  std::vector<std::string> lines{"MESSAGE=" + stamped.entry.text,
                                 "PRIORITY=" + std::to_string(syslog_priority(stamped.entry.level)),
                                 "SYSLOG_IDENTIFIER=holdfastd"};
  if (stamped.entry.message_id) lines.push_back(std::string("MESSAGE_ID=") + stamped.entry.message_id);
  for (const auto& [name, value] : stamped.entry.fields) lines.push_back(std::string(name) + "=" + value);
  std::vector<iovec> parts;
  for (std::string& line : lines) parts.push_back({line.data(), line.size()});
  sd_journal_sendv(parts.data(), static_cast<int>(parts.size()));
}

void write_as_text(const Stamped& stamped, int fd) {
  std::string line = iso_time(stamped.at) + " " + to_string(stamped.entry.level) + " " + stamped.entry.text;
  for (char& c : line) {
    if (c == '\n' || c == '\r') c = ' ';
  }
  line += '\n';
  std::string_view rest = line;
  while (!rest.empty()) {
    const ssize_t written = ::write(fd, rest.data(), rest.size());
    if (written > 0) {
      rest.remove_prefix(static_cast<std::size_t>(written));
    } else if (written < 0 && errno == EAGAIN) {
      pollfd ready{fd, POLLOUT, 0};
      poll(&ready, 1, -1);
    } else if (written < 0 && errno != EINTR) {
      return;  // nobody reads any more; there is nowhere to complain
    }
  }
}

}  // namespace

struct Journal::Shared {
  Target target;
  int text_fd;

  std::mutex mutex;
  std::condition_variable changed;
  std::deque<Stamped> queue;
  std::uint64_t dropped = 0;
  bool closing = false;
  bool finished = false;

  void write(const Stamped& stamped) const {
    if (target == Target::journald)
      write_to_journald(stamped);
    else
      write_as_text(stamped, text_fd);
  }

  void run() {
    std::unique_lock lock(mutex);
    for (;;) {
      changed.wait(lock, [this] { return closing || !queue.empty(); });
      if (queue.empty()) break;
      const std::deque<Stamped> batch = std::exchange(queue, {});
      const std::uint64_t lost = std::exchange(dropped, 0);
      lock.unlock();
      for (const Stamped& stamped : batch) write(stamped);
      if (lost > 0) {
        JournalEntry entry;
        entry.level = LogLevel::warning;
        entry.text = "log entries lost because nobody took them: " + std::to_string(lost);
        write({std::move(entry), std::chrono::system_clock::now()});
      }
      lock.lock();
    }
    finished = true;
    changed.notify_all();
  }
};

Journal::Journal(LogLevel threshold, Target target, int text_fd)
    : threshold_(threshold), shared_(std::make_shared<Shared>()) {
  shared_->target = target;
  shared_->text_fd = text_fd;
  // Signals are for the main thread's loop.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  std::thread([shared = shared_] { shared->run(); }).detach();
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

Journal::~Journal() {
  std::unique_lock lock(shared_->mutex);
  shared_->closing = true;
  shared_->changed.notify_all();
  shared_->changed.wait_for(lock, patience_at_end, [this] { return shared_->finished; });
}

void Journal::write(JournalEntry entry) {
  if (entry.level > threshold_) return;
  const std::lock_guard lock(shared_->mutex);
  if (shared_->queue.size() >= queue_limit) {
    ++shared_->dropped;
    return;
  }
  shared_->queue.push_back({std::move(entry), std::chrono::system_clock::now()});
  shared_->changed.notify_all();
}

Journal::Target Journal::target_of_stderr() {
  // systemd names the stream as DEVICE:INODE; a child that redirected its stderr has another one.
  const char* stream = std::getenv("JOURNAL_STREAM");
  struct stat status {};
  if (!stream || fstat(STDERR_FILENO, &status) != 0) return Target::text;
  return stream == std::to_string(status.st_dev) + ":" + std::to_string(status.st_ino) ? Target::journald
                                                                                       : Target::text;
}

}  // namespace holdfast
