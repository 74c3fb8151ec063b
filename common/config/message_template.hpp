// Templates of JSON in which {{name}} stands for a value. Every value comes in as a JSON string's content, so a
// placeholder stands within quotes, and nothing that a program or a neighbour said can break out of them.
#pragma once

#include "common/result.hpp"

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast {

// The names that a template may use. HOLDFAST_ and the name in capitals is the environment variable of a command.
const std::vector<std::string>& template_names();

// Whether the template can be filled: known names, and JSON whatever the values are. The error continues "`body` ...".
Status check_template(std::string_view text);

// text: one that check_template() accepts. Bytes that are no UTF-8 come out as replacement characters.
std::string fill_template(std::string_view text, const std::function<std::string(std::string_view name)>& value_of);

}  // namespace holdfast
