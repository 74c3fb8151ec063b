// Any bytes as nginx's stub_status page: the numbers of that page, or nothing.
#include "checker_child/core/stub_status.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto status = holdfast::parse_stub_status(text);
  if (status && text.find("Active connections:") == std::string_view::npos) std::abort();
  return 0;
}
