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
enum class Section { document, runtime, runtime_users, check, check_type, restart, instance, announce, address, track };

struct UnavailableFeature {
  Section section;
  std::string_view word;
  std::string_view mend;
};

inline constexpr std::array unavailable_features{
    UnavailableFeature{Section::document, "sync_groups", "remove it"},
    UnavailableFeature{Section::document, "notify", "remove it"},
    UnavailableFeature{Section::check_type, "nginx", "use `type: process` with `pid_file`, or `type: http` with `url`"},
    UnavailableFeature{Section::check_type, "file", "use `type: script` with `command: [test, -e, PATH]`"},
    UnavailableFeature{Section::instance, "peers", "remove it; adverts go to the multicast group"},
    UnavailableFeature{Section::instance, "source", "remove it; adverts go to the multicast group"},
    UnavailableFeature{Section::instance, "virtual_mac", "remove it; gratuitous ARP tells the neighbours"},
    UnavailableFeature{Section::instance, "accept", "remove it; the virtual addresses always accept connections"},
    UnavailableFeature{Section::instance, "move", "remove it"},
    UnavailableFeature{Section::instance, "password_file", "use `password`"},
    UnavailableFeature{Section::address, "an IPv6 address", "use IPv4 addresses"},
    UnavailableFeature{Section::instance, "an instance without addresses",
                       "add one, such as `addresses: [192.168.16.130]`"},
    UnavailableFeature{Section::track, "interface",
                       "remove the entry; the link of the instance's own interface "
                       "is watched without it"},
};

// "`virtual_mac` is not available in this version of Holdfast; MEND", or nothing for any other word.
inline std::optional<std::string> why_unavailable(Section section, std::string_view word) {
  const auto* found = std::find_if(
      unavailable_features.begin(), unavailable_features.end(),
      [&](const UnavailableFeature& feature) { return feature.section == section && feature.word == word; });
  if (found == unavailable_features.end()) return std::nullopt;
  const bool is_phrase = word.find(' ') != std::string_view::npos;
  const std::string subject = is_phrase ? std::string(word) : "`" + std::string(word) + "`";
  return subject + " is not available in this version of Holdfast; " + std::string(found->mend);
}

}  // namespace holdfast
