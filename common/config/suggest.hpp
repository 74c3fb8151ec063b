// "Did you mean": the known word that a mistyped one most likely stands for. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace holdfast {

// The nearest of `known` within a few typing errors (one per three letters, at most three), or "". Very
// long words and very many candidates give "" too.
std::string nearest(std::string_view word, const std::vector<std::string>& known);

// "; did you mean `NEAREST`?", or where nothing is near "; LEAD: a, b, c" (`lead` such as "the keys here are").
std::string hint_for(std::string_view word, const std::vector<std::string>& known, std::string_view lead);

}  // namespace holdfast
