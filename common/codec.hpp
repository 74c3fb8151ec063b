// Messages as bytes: one tag byte, then the fields in order, big-endian. Both ends are the same build,
// so there is no versioning. Decoding trusts nothing: a child may be broken or hostile. Pure.
#pragma once

#include "common/messages.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace holdfast {

// Instantiated for the four directions in messages.hpp.

// Appends to `out`.
template <class Variant>
void encode(const Variant& message, std::vector<std::uint8_t>& out);

// The message, or nothing when the bytes are not exactly one valid message of this direction:
// unknown tag, value outside its enumeration, short, or with bytes left over.
template <class Variant>
std::optional<Variant> decode(std::span<const std::uint8_t> bytes);

}  // namespace holdfast
