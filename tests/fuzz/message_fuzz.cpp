// Any bytes as a message of any direction (the first byte chooses it): no crash, and what is accepted is exactly
// what the encoder would have written.
#include "common/codec.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <vector>

using namespace holdfast;

namespace {

template <class Direction>
void check(std::span<const std::uint8_t> bytes) {
  const auto message = decode<Direction>(bytes);
  if (!message) return;
  std::vector<std::uint8_t> again;
  encode(*message, again);
  if (!std::equal(again.begin(), again.end(), bytes.begin(), bytes.end())) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 1) return 0;
  const std::span bytes(data + 1, size - 1);
  switch (data[0] % 4) {
    case 0: check<ParentToVrrp>(bytes); break;
    case 1: check<VrrpToParent>(bytes); break;
    case 2: check<ParentToChecker>(bytes); break;
    case 3: check<CheckerToParent>(bytes); break;
  }
  return 0;
}
