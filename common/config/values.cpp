#include "common/config/values.hpp"

#include "common/config/duration_text.hpp"
#include "common/config/suggest.hpp"
#include "common/expression.hpp"

#include <algorithm>
#include <charconv>

namespace holdfast {

namespace {

constexpr std::size_t longest_name = 64;
constexpr std::size_t longest_interface = 15;  // the kernel's IFNAMSIZ without its final zero

// What a node is, in words, for "must be ..., not ...".
std::string described(const YamlNode& node) {
  switch (node.kind) {
    case YamlNode::Kind::nothing: return "empty";
    case YamlNode::Kind::list: return "a list";
    case YamlNode::Kind::map: return "a map";
    case YamlNode::Kind::scalar: break;
  }
  return node.in_quotes ? "the text \"" + quoted(node.text).substr(1, quoted(node.text).size() - 2) + "\""
                        : quoted(node.text);
}

void report_type(Problems& problems, const YamlNode& node, std::string_view what, std::string_view wanted) {
  problems.error(node.place, std::string(what) + " must be " + std::string(wanted) + ", not " + described(node));
}

bool has_blank_or_control(std::string_view text) {
  return std::any_of(text.begin(), text.end(), [](char byte) {
    const auto value = static_cast<unsigned char>(byte);
    return value <= 0x20 || value == 0x7f;
  });
}

bool has_control(std::string_view text) {
  return std::any_of(text.begin(), text.end(), [](char byte) {
    const auto value = static_cast<unsigned char>(byte);
    return value < 0x20 || value == 0x7f;
  });
}

bool is_number(std::string_view text) {
  if (text.starts_with('-')) text.remove_prefix(1);
  return !text.empty() && text.find_first_not_of("0123456789.") == std::string_view::npos;
}

// "from 1 to 255" for numbers and durations alike.
std::string bounds(const std::string& lowest, const std::string& highest) {
  return "from " + lowest + " to " + highest;
}

}  // namespace

std::optional<std::string> read_text(Problems& problems, const YamlNode& node, std::string_view what) {
  if (node.kind == YamlNode::Kind::scalar && !node.text.empty()) return node.text;
  if (node.kind == YamlNode::Kind::nothing || node.kind == YamlNode::Kind::scalar) {
    problems.error(node.place, std::string(what) + " has no value; write one, or remove the line");
  } else {
    report_type(problems, node, what, "one text");
  }
  return std::nullopt;
}

std::optional<std::int64_t> read_integer(Problems& problems, const YamlNode& node, std::string_view what,
                                         std::int64_t lowest, std::int64_t highest) {
  const std::string wanted = lowest + 1 == highest
                                 ? std::to_string(lowest) + " or " + std::to_string(highest)
                                 : "a whole number " + bounds(std::to_string(lowest), std::to_string(highest));
  std::string_view digits = node.text;
  if (digits.starts_with('-')) digits.remove_prefix(1);
  const bool decimal = node.kind == YamlNode::Kind::scalar && !digits.empty() &&
                       digits.find_first_not_of("0123456789") == std::string_view::npos;
  if (!decimal) {
    report_type(problems, node, what, wanted);
    return std::nullopt;
  }
  if (node.in_quotes) {
    problems.error(node.place, std::string(what) + " is a number; write it without quotes");
    return std::nullopt;
  }
  if (digits.size() > 1 && digits.front() == '0') {
    problems.error(node.place, std::string(what) + " is " + quoted(node.text) +
                                   ", which some read as octal; write it without the leading zero");
    return std::nullopt;
  }
  std::int64_t value = 0;
  const auto [end, failure] = std::from_chars(node.text.data(), node.text.data() + node.text.size(), value);
  if (failure != std::errc{} || value < lowest || value > highest) {
    report_type(problems, node, what, wanted);
    return std::nullopt;
  }
  return value;
}

std::optional<bool> read_boolean(Problems& problems, const YamlNode& node, std::string_view what) {
  if (node.kind == YamlNode::Kind::scalar && !node.in_quotes) {
    if (node.text == "true") return true;
    if (node.text == "false") return false;
    const std::vector<std::string> yes{"yes", "Yes", "YES", "on", "On", "ON", "True", "TRUE", "y", "Y", "1"};
    const std::vector<std::string> no{"no", "No", "NO", "off", "Off", "OFF", "False", "FALSE", "n", "N", "0"};
    for (const auto& [words, mend] : {std::pair(yes, "true"), std::pair(no, "false")}) {
      if (std::find(words.begin(), words.end(), node.text) == words.end()) continue;
      problems.error(node.place,
                     std::string(what) + " must be `true` or `false`; write `" + mend + "` for " + quoted(node.text));
      return std::nullopt;
    }
  }
  report_type(problems, node, what, "`true` or `false`");
  return std::nullopt;
}

std::optional<Duration> read_duration(Problems& problems, const YamlNode& node, std::string_view what,
                                      const DurationRange& range) {
  const std::string wanted = "a duration " + bounds(duration_text(range.lowest), duration_text(range.highest)) +
                             (range.step > Duration(1) ? " in steps of " + duration_text(range.step) : std::string());
  if (node.kind != YamlNode::Kind::scalar) {
    report_type(problems, node, what, wanted);
    return std::nullopt;
  }
  const auto value = parse_duration(node.text);
  if (!value && is_number(node.text)) {
    problems.error(node.place, std::string(what) + " has no unit; write `" + node.text + "s` for seconds or `" +
                                   node.text + "ms` for milliseconds");
    return std::nullopt;
  }
  if (!value) {
    report_type(problems, node, what, wanted + ", written like `500ms`, `2s` or `1m`");
    return std::nullopt;
  }
  if (*value < range.lowest || *value > range.highest || value->count() % range.step.count() != 0) {
    report_type(problems, node, what, wanted);
    return std::nullopt;
  }
  return value;
}

std::optional<std::size_t> read_choice(Problems& problems, const YamlNode& node, std::string_view what,
                                       const std::vector<std::string>& choices) {
  const auto text = read_text(problems, node, what);
  if (!text) return std::nullopt;
  const auto found = std::find(choices.begin(), choices.end(), *text);
  if (found != choices.end()) return static_cast<std::size_t>(found - choices.begin());
  const std::string best = nearest(*text, choices);
  problems.error(
      node.place, std::string(what) + " can't be " + quoted(*text) +
                      (best.empty() ? "; write " : "; did you mean " + quoted(best) + "? It is one of ") + [&] {
                        std::string listing;
                        for (std::size_t i = 0; i < choices.size(); ++i) {
                          if (i > 0) listing += i + 1 == choices.size() ? " or " : ", ";
                          listing += quoted(choices[i]);
                        }
                        return listing;
                      }());
  return std::nullopt;
}

const std::vector<YamlPtr>* read_list(Problems& problems, const YamlNode& node, std::string_view what,
                                      std::string_view example) {
  if (node.kind == YamlNode::Kind::list && !node.items.empty()) return &node.items;
  if (node.kind == YamlNode::Kind::list || node.kind == YamlNode::Kind::nothing) {
    problems.error(node.place,
                   std::string(what) + " is empty; write at least one entry, such as `" + std::string(example) + "`");
  } else {
    report_type(problems, node, what, "a list, such as `" + std::string(example) + "`");
  }
  return nullptr;
}

std::optional<std::vector<std::string>> read_command(Problems& problems, const YamlNode& node, std::string_view what) {
  if (node.kind == YamlNode::Kind::scalar && !node.text.empty()) {
    std::string list;
    for (std::size_t at = 0; at < node.text.size();) {
      const std::size_t end = std::min(node.text.find(' ', at), node.text.size());
      if (end > at) list += (list.empty() ? "" : ", ") + node.text.substr(at, end - at);
      at = end + 1;
    }
    problems.error(node.place,
                   std::string(what) + " must be a list, since no shell splits it; write " + quoted("[" + list + "]"));
    return std::nullopt;
  }
  const auto* items = read_list(problems, node, what, "[/usr/local/bin/check-nginx, --quick]");
  if (items == nullptr) return std::nullopt;
  std::vector<std::string> argv;
  for (const YamlPtr& item : *items) {
    const bool is_argument = item->kind == YamlNode::Kind::scalar;
    if (!is_argument) report_type(problems, *item, "an argument in " + std::string(what), "one text");
    if (is_argument && item->text.find('\0') != std::string::npos) {
      problems.error(item->place, "an argument in " + std::string(what) + " holds a zero byte; remove it");
      return std::nullopt;
    }
    if (is_argument) argv.push_back(item->text);
  }
  if (argv.size() != items->size()) return std::nullopt;
  const std::string& program = argv.front();
  if (program.empty() || (program.find('/') != std::string::npos && !program.starts_with('/'))) {
    problems.error(items->front()->place, "the program " + quoted(program) +
                                              " must be an absolute path, such as `/usr/local/bin/check-nginx`, or a "
                                              "bare name, such as `nginx`");
    return std::nullopt;
  }
  return argv;
}

std::optional<std::string> read_regex(Problems& problems, const YamlNode& node, std::string_view what) {
  auto pattern = read_text(problems, node, what);
  if (!pattern) return std::nullopt;
  const auto compiled = Expression::compile(*pattern);
  if (!compiled) {
    problems.error(node.place, std::string(what) + " is not a valid regular expression: " + compiled.error().text);
    return std::nullopt;
  }
  return pattern;
}

std::optional<std::string> read_path(Problems& problems, const YamlNode& node, std::string_view what) {
  auto path = read_text(problems, node, what);
  if (!path) return std::nullopt;
  if (!path->starts_with('/') || has_control(*path)) {
    problems.error(node.place,
                   std::string(what) + " must be an absolute path, one that begins with `/`, not " + quoted(*path));
    return std::nullopt;
  }
  return path;
}

std::optional<std::string> read_interface(Problems& problems, const YamlNode& node, std::string_view what) {
  auto name = read_text(problems, node, what);
  if (!name) return std::nullopt;
  const auto refuse = [&](const std::string& why) {
    problems.error(node.place, std::string(what) + " can't be " + quoted(*name) + ": " + why +
                                   "; write a name that `ip link` shows");
    return std::nullopt;
  };
  if (const auto colon = name->find(':'); colon != std::string::npos && colon > 0) {
    problems.error(node.place, std::string(what) + " can't be " + quoted(*name) +
                                   ": that is the label of an address; write `" + name->substr(0, colon) +
                                   "` here and `label` at the address");
    return std::nullopt;
  }
  if (name->size() > longest_interface) return refuse("the name of an interface has at most 15 bytes");
  if (has_blank_or_control(*name) || name->find_first_of("/:") != std::string::npos || *name == "." || *name == "..") {
    return refuse("the name of an interface has no blank, slash or colon in it");
  }
  return name;
}

bool check_name(Problems& problems, Place place, const std::string& name, std::string_view what) {
  if (!name.empty() && name.size() <= longest_name && !has_blank_or_control(name)) return true;
  problems.error(place, std::string(what) + " can't be called " + quoted(name) + "; use 1 to " +
                            std::to_string(longest_name) + " characters without blanks, such as `web-1`");
  return false;
}

}  // namespace holdfast
