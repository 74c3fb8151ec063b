// A small file that is replaced as a whole and lasts: what survives restarts. A disk that hangs keeps nobody waiting.
#pragma once

#include "common/event_loop.hpp"
#include "common/result.hpp"

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace holdfast {

class StateFile {
 public:
  using Done = std::function<void(const Status&)>;

  // path: in a folder that exists.
  StateFile(EventLoop& loop, std::string path);

  const std::string& path() const { return path_; }
  // Writes `text` in place of what is there, on a thread of its own. `done` is called from the loop when it, or a
  // later text, is on the disk; the error is a whole sentence.
  void save(std::string text, Done done);

 private:
  struct Write;
  void start(std::string text, std::vector<Done> dones);
  void written();

  EventLoop& loop_;
  std::string path_;
  std::shared_ptr<Write> write_;  // in flight
  IoWatch watch_;
  std::vector<Done> dones_;          // of the one in flight
  std::optional<std::string> next_;  // to be written after it
  std::vector<Done> next_dones_;
};

}  // namespace holdfast
