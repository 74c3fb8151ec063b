// The `track` entries of an instance. Pure.
#pragma once

#include "common/config/model.hpp"
#include "common/config/problems.hpp"
#include "common/config/yaml_tree.hpp"

#include <string>
#include <unordered_set>
#include <vector>

namespace holdfast {

// The names under `checks`, also of those with errors.
struct CheckNames {
  std::vector<std::string> in_order;
  std::unordered_set<std::string> all;
};

struct PlacedTrack {
  TrackConfig track;
  Place place;
};

// Entries with errors, which have been reported, are missing. Names of checks that don't exist are errors.
std::vector<PlacedTrack> read_tracks(Problems& problems, const YamlNode& node, const CheckNames& checks);

// How high and how low the weights of an instance can make its priority.
struct PrioritySpan {
  int best = 0;
  int worst = 0;
  bool weighs = false;  // whether there is a weight at all
};
PrioritySpan priority_span(const InstanceConfig& instance);

// What the tracks of an instance can't do to it: an error or a warning each.
void check_tracks(Problems& problems, const std::vector<PlacedTrack>& tracks, const VirtualRouterConfig& router);

}  // namespace holdfast
