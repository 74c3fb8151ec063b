// What the documentation of the configuration names and this version does not do yet: known words, refused with a
// reason instead of being misread or taken for a typing error. Whoever adds a feature deletes its line. Pure.
#pragma once

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <string_view>

namespace holdfast {

// The part of the configuration in which a word stands.
enum class Section {
  document,
  runtime,
  runtime_users,
  check,
  restart,
  instance,
  announce,
  address,
  track,
  move,
  notify,
  notify_command,
  notify_email,
  notify_webhook,
  notify_signature
};

struct UnavailableFeature {
  Section section;
  std::string_view word;
  std::string_view mend;
};

// None at present.
inline constexpr std::array<UnavailableFeature, 0> unavailable_features{};

// "`move` is not available in this version of Holdfast; MEND", or nothing for any other word.
inline std::optional<std::string> why_unavailable(Section section, std::string_view word) {
  const auto* found = std::find_if(
      unavailable_features.begin(), unavailable_features.end(),
      [&](const UnavailableFeature& feature) { return feature.section == section && feature.word == word; });
  if (found == unavailable_features.end()) return std::nullopt;
  return "`" + std::string(word) + "` is not available in this version of Holdfast; " + std::string(found->mend);
}

}  // namespace holdfast
