// Any bytes given as a configuration end in a configuration or in errors, never both, never neither, and never in a
// crash.
#include "common/config/load.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  const auto loaded = holdfast::parse_config(text, "fuzz.yaml", {.node = "", .default_node = "web-1"});
  bool has_error = false;
  for (const holdfast::Diagnostic& diagnostic : loaded.diagnostics) {
    has_error = has_error || diagnostic.severity == holdfast::Diagnostic::Severity::error;
    if (diagnostic.text.empty() || diagnostic.line < 0 || diagnostic.column < 0) std::abort();
    if (to_string(diagnostic).find('\n') != std::string::npos) std::abort();
  }
  if (has_error == loaded.config.has_value()) std::abort();
  holdfast::configured_nodes(text);
  return 0;
}
