#include "parent/state_file.hpp"

#include "common/fd.hpp"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>

namespace holdfast {
namespace {

// Beside the file, then over it: whoever reads finds the old text or the new one, whole, also after a power cut.
Status replace_file(const std::string& path, std::string_view text) {
  const auto failed = [&] { return Error{"cannot write " + path + ": " + std::strerror(errno)}; };
  const std::string fresh = path + ".new";
  const Fd file(open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file) return failed();
  while (!text.empty()) {
    const ssize_t size = write(file.get(), text.data(), text.size());
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return failed();
    text.remove_prefix(static_cast<std::size_t>(size));
  }
  if (fsync(file.get()) != 0 || rename(fresh.c_str(), path.c_str()) != 0) return failed();
  const Fd folder(open(path.substr(0, path.rfind('/') + 1).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder || fsync(folder.get()) != 0) return failed();
  return {};
}

}  // namespace

// Shared with the thread, so that either may go first.
struct StateFile::Write {
  Fd finished{eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
  Status outcome;
};

StateFile::StateFile(EventLoop& loop, std::string path) : loop_(loop), path_(std::move(path)) {}

void StateFile::save(std::string text, Done done) {
  if (!write_) return start(std::move(text), {std::move(done)});
  next_ = std::move(text);
  next_dones_.push_back(std::move(done));
}

void StateFile::start(std::string text, std::vector<Done> dones) {
  dones_ = std::move(dones);
  write_ = std::make_shared<Write>();
  watch_ = IoWatch(loop_, write_->finished.get(), EPOLLIN, [this](std::uint32_t) { written(); });
  try {
    std::thread([write = write_, path = path_, text = std::move(text)] {
      write->outcome = replace_file(path, text);
      eventfd_write(write->finished.get(), 1);
    }).detach();
  } catch (const std::system_error& failure) {
    write_->outcome = Error{"cannot write " + path_ + ": " + failure.what()};
    eventfd_write(write_->finished.get(), 1);
  }
}

void StateFile::written() {
  watch_ = IoWatch();
  const Status outcome = std::exchange(write_, nullptr)->outcome;
  const std::vector<Done> dones = std::exchange(dones_, {});
  if (next_) start(*std::exchange(next_, std::nullopt), std::exchange(next_dones_, {}));
  for (const Done& done : dones) done(outcome);
}

}  // namespace holdfast
