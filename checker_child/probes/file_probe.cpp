#include "checker_child/probes/file_probe.hpp"

#include <sys/inotify.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace holdfast {
namespace {

std::string directory_of(const std::string& path) {
  const auto slash = path.find_last_not_of('/', path.rfind('/'));
  return slash == std::string::npos ? "/" : path.substr(0, slash + 1);
}

}  // namespace

FileProbeRunner::FileProbeRunner(EventLoop& loop, FileProbe probe, ProbeSink sink)
    : loop_(loop), probe_(std::move(probe)), sink_(std::move(sink)), directory_(directory_of(probe_.path)) {}

void FileProbeRunner::start(std::uint64_t run) {
  watch();
  sink_.finished(run, look());
}

ProbeResult FileProbeRunner::look() {
  struct stat found {};
  ProbeResult result;
  if (stat(probe_.path.c_str(), &found) == 0) {
    result = {.good = !probe_.invert, .detail = probe_.path + " is there"};
  } else if (errno != ENOENT) {
    result.detail = "cannot tell whether " + probe_.path + " is there: " + std::strerror(errno);
  } else if (lstat(probe_.path.c_str(), &found) == 0) {
    result.detail = probe_.path + " is a link to what is not there";
  } else {
    result = {.good = probe_.invert, .detail = probe_.path + " is not there"};
    if (stat(directory_.c_str(), &found) != 0) result.detail += ", nor is its directory";
  }
  last_ = result.good;
  return result;
}

void FileProbeRunner::something_happened() {
  watch();
  const auto before = last_;
  const ProbeResult result = look();
  if (result.good != before) sink_.event(result);
}

void FileProbeRunner::watch() {
  if (watched_ == directory_ && watch_holds()) return;
  // Up to what exists, and down again as far as it goes: a directory that was made meanwhile told nobody.
  watched_ = directory_;
  while (!(watch_ = watch_on(watched_)) && watched_ != "/") watched_ = directory_of(watched_);
  while (watch_ && watched_ != directory_) {
    const auto next = directory_.substr(0, directory_.find('/', directory_.find_first_not_of('/', watched_.size())));
    PathWatch deeper = watch_on(next);
    if (!deeper) break;
    watch_ = std::move(deeper);
    watched_ = next;
  }
  if (stat(watched_.c_str(), &identity_) != 0) watch_ = PathWatch();  // the next run tries again
}

PathWatch FileProbeRunner::watch_on(const std::string& directory) {
  constexpr std::uint32_t comings_and_goings =
      IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_DELETE_SELF | IN_MOVE_SELF;
  const std::string& below = directory == directory_ ? probe_.path : directory_;
  const auto begin = below.find_first_not_of('/', directory.size());
  return PathWatch(loop_, directory, comings_and_goings,
                   [this, awaited = below.substr(begin, below.find('/', begin) - begin)](std::uint32_t mask,
                                                                                        const std::string& name) {
                     constexpr std::uint32_t of_itself =
                         IN_IGNORED | IN_DELETE_SELF | IN_MOVE_SELF | IN_UNMOUNT | IN_Q_OVERFLOW;
                     if (name == awaited || (mask & of_itself) != 0) something_happened();
                   });
}

bool FileProbeRunner::watch_holds() const {
  struct stat now {};
  return watch_ && stat(watched_.c_str(), &now) == 0 && now.st_dev == identity_.st_dev && now.st_ino == identity_.st_ino;
}

}  // namespace holdfast
