// Reads a small regular file, whatever stands at the path: a pipe does not hold the reader, a device is refused.
#pragma once

#include "common/result.hpp"

#include <cstddef>
#include <string>

namespace holdfast {

struct TextFile {
  std::string text;
  bool others_may_read = false;
};

// At most limit + 1 bytes, so that too much shows. The error continues "PATH ..." and says what to do.
Result<TextFile> read_text_file(const std::string& path, std::size_t limit);

}  // namespace holdfast
