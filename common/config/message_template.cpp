#include "common/config/message_template.hpp"

#include "common/config/problems.hpp"
#include "common/config/suggest.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>

namespace holdfast {
namespace {

using Json = nlohmann::json;

constexpr std::string_view opening = "{{";
constexpr std::string_view closing = "}}";

// What stands between the quotes of a JSON string with this value.
std::string escaped(const std::string& value) {
  const std::string text = Json(value).dump(-1, ' ', false, Json::error_handler_t::replace);
  return text.substr(1, text.size() - 2);
}

std::string_view trimmed(std::string_view text) {
  while (text.starts_with(' ')) text.remove_prefix(1);
  while (text.ends_with(' ')) text.remove_suffix(1);
  return text;
}

// A placeholder begins with a letter; JSON of its own may well hold "{{" or "}}", as in {"a":{"b":{}}}.
bool begins_placeholder(std::string_view text) {
  const std::string_view name = trimmed(text.substr(opening.size()));
  return !name.empty() &&
         ((name.front() >= 'a' && name.front() <= 'z') || (name.front() >= 'A' && name.front() <= 'Z'));
}

// The text with every placeholder replaced.
template <class Replace>
std::string replaced(std::string_view text, Replace replace) {
  std::string result;
  while (!text.empty()) {
    const auto at = text.find(opening);
    result += text.substr(0, at);
    if (at == std::string_view::npos) break;
    text.remove_prefix(at);
    const auto end = text.find(closing);
    if (end == std::string_view::npos || !begins_placeholder(text)) {
      result += text.front();
      text.remove_prefix(1);
      continue;
    }
    result += replace(trimmed(text.substr(opening.size(), end - opening.size())));
    text.remove_prefix(end + closing.size());
  }
  return result;
}

}  // namespace

const std::vector<std::string>& template_names() {
  static const std::vector<std::string> names{"text",     "title", "event",     "status",    "node",     "time",
                                              "instance", "from",  "to",        "reason",    "priority", "vrid",
                                              "check",    "peer",  "interface", "addresses", "topic"};
  return names;
}

Status check_template(std::string_view text) {
  const std::vector<std::string>& known = template_names();
  std::string unknown;
  const std::string filled = replaced(text, [&](std::string_view name) {
    if (unknown.empty() && std::find(known.begin(), known.end(), name) == known.end()) unknown = std::string(name);
    return "x";  // no JSON outside of quotes
  });
  if (!unknown.empty()) {
    return Error{"uses the unknown `{{" + unknown + "}}`" + hint_for(unknown, known, "the names are")};
  }
  std::string flaw;
  try {
    [[maybe_unused]] const Json parsed = Json::parse(filled);
    return {};
  } catch (const Json::parse_error& error) {
    flaw = error.what();
  }
  // "[json.exception.parse_error.101] parse error at line 1, column 5: syntax error while ..."
  const auto at = flaw.find("line ");
  const auto end = flaw.find(':', at);
  const std::string where = at == std::string::npos ? "" : " (at " + flaw.substr(at, end - at) + " of it)";
  return Error{"is no JSON" + where +
               "; every `{{name}}` stands within double quotes, as in `{\"text\": \"{{text}}\"}`"};
}

std::string fill_template(std::string_view text, const std::function<std::string(std::string_view)>& value_of) {
  return replaced(text, [&](std::string_view name) { return escaped(value_of(name)); });
}

}  // namespace holdfast
