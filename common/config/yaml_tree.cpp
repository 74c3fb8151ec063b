// The only file that includes yaml-cpp. It uses the library's event parser, not its node tree: the tree drops
// duplicate keys and follows any nesting and any number of aliases.
#include "common/config/yaml_tree.hpp"

#include "common/config/line_mend.hpp"
#include "common/config/yaml_text.hpp"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <map>
#include <optional>
#include <sstream>
#include <unordered_map>
#include <utility>

namespace holdfast {

namespace {

// Ends the parse; the reason has been reported.
struct GiveUp {};

void report_unclosed_quote(Problems& problems, Place opened) {
  problems.error(opened, "the quote opened in line " + std::to_string(opened.line) +
                             " is never closed; write the closing quote behind its text");
}

class TreeBuilder final : public YAML::EventHandler {
 public:
  TreeBuilder(const YamlText& text, Problems& problems) : text_(text), problems_(problems) {}

  YamlPtr root() const { return root_; }

  Place place_of(const YAML::Mark& mark) const {
    return mark.is_null() ? Place{} : text_.place(mark.line, mark.column);
  }

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (!seen_document_) {
      seen_document_ = true;
      return;
    }
    problems_.error(place_of(mark),
                    "a second document begins here, and a configuration is one; if no `---` stands above, this line "
                    "is indented less than the first one: give both the same indentation");
    throw GiveUp{};
  }
  void OnDocumentEnd() override {
    if (last_scalar_.is_null() || text_.quotes_end(last_scalar_.line, last_scalar_.column)) return;
    report_unclosed_quote(problems_, text_.unclosed_quote().value_or(place_of(last_scalar_)));
    throw GiveUp{};
  }

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const auto node = make(YamlNode::Kind::nothing, mark);
    if (!stack_.empty() && stack_.back().key) node->place = stack_.back().key->second;
    add(node, anchor);
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const auto found = anchors_.find(anchor);
    if (found == anchors_.end()) {
      problems_.error(place_of(mark), "this alias stands inside the very thing it names; write the value out");
      throw GiveUp{};
    }
    add(found->second, 0);
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    refuse_tag(mark, tag);
    const auto node = make(YamlNode::Kind::scalar, mark);
    node->text = value;
    node->in_quotes = tag == "!";
    last_scalar_ = mark;
    add(node, anchor);
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    open(YamlNode::Kind::list, mark, tag, anchor);
  }
  void OnSequenceEnd() override { close(); }

  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    open(YamlNode::Kind::map, mark, tag, anchor);
  }
  void OnMapEnd() override {
    merge_into(*stack_.back().node);
    close();
  }

 private:
  struct Open {
    std::shared_ptr<YamlNode> node;
    YAML::anchor_t anchor = 0;
    std::optional<std::pair<std::string, Place>> key = {};  // of a map: its value comes next
    std::unordered_map<std::string, Place> seen = {};       // keys of a map
  };

  std::shared_ptr<YamlNode> make(YamlNode::Kind kind, const YAML::Mark& mark) const {
    auto node = std::make_shared<YamlNode>();
    node->kind = kind;
    node->place = place_of(mark);
    return node;
  }

  void refuse_tag(const YAML::Mark& mark, const std::string& tag) {
    if (tag.empty() || tag == "?" || tag == "!") return;
    problems_.error(place_of(mark), "tags such as `!!str` have no meaning here; remove the tag " + quoted(tag));
  }

  void open(YamlNode::Kind kind, const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor) {
    refuse_tag(mark, tag);
    if (stack_.size() >= deepest_nesting) {
      problems_.error(place_of(mark), "nested more than " + std::to_string(deepest_nesting) +
                                          " levels deep; no part of a configuration is, so check the brackets and "
                                          "the indentation");
      throw GiveUp{};
    }
    stack_.push_back({make(kind, mark), anchor});
  }

  void close() {
    const Open done = std::move(stack_.back());
    stack_.pop_back();
    add(done.node, done.anchor);
  }

  // Puts a finished node where it belongs.
  void add(const YamlPtr& node, YAML::anchor_t anchor) {
    if (anchor != 0) anchors_[anchor] = node;
    if (stack_.empty()) {
      root_ = node;
      return;
    }
    Open& parent = stack_.back();
    if (parent.node->kind == YamlNode::Kind::list) {
      grow(*parent.node, node->size, node->place);
      parent.node->items.push_back(node);
    } else if (!parent.key) {
      parent.key = as_key(*node);
    } else {
      grow(*parent.node, node->size, node->place);
      add_entry(parent, node);
      parent.key.reset();
    }
  }

  void grow(YamlNode& node, std::size_t by, Place place) {
    node.size += by;
    if (node.size <= largest_tree) return;
    problems_.error(place, "more than " + std::to_string(largest_tree) +
                               " values, each alias counted as often as it is used; make the file smaller");
    throw GiveUp{};
  }

  std::pair<std::string, Place> as_key(const YamlNode& node) {
    if (node.kind == YamlNode::Kind::list || node.kind == YamlNode::Kind::map) {
      problems_.error(node.place, "a key must be a plain word; a list or a map can't be one");
    } else if (node.text.empty()) {
      problems_.error(node.place, "the key is missing; write it before the colon");
    }
    return {node.text, node.place};
  }

  void add_entry(Open& map, const YamlPtr& value) {
    const auto& [key, place] = *map.key;
    const auto [first, is_new] = map.seen.emplace(key, place);
    if (is_new) {
      map.node->entries.push_back({key, place, value});
    } else if (!key.empty()) {
      problems_.error(place, "duplicate key " + quoted(key) + ": it stands in line " +
                                 std::to_string(first->second.line) + " already; keep one of them");
    }
  }

  // Replaces `<<: *base` by the entries of the base that the map does not have itself.
  void merge_into(YamlNode& map) {
    const auto merge_key =
        std::find_if(map.entries.begin(), map.entries.end(), [](const YamlEntry& entry) { return entry.key == "<<"; });
    if (merge_key == map.entries.end()) return;
    const YamlEntry merge = *merge_key;
    map.entries.erase(merge_key);
    std::unordered_map<std::string, Place>& seen = stack_.back().seen;
    const auto take_from = [&](const YamlNode& base) {
      if (base.kind != YamlNode::Kind::map) {
        problems_.error(merge.place, "`<<` merges another map into this one; give it an alias of a map, `<<: *name`");
        return;
      }
      for (const YamlEntry& entry : base.entries) {
        if (seen.emplace(entry.key, entry.place).second) map.entries.push_back(entry);
      }
    };
    if (merge.value->kind == YamlNode::Kind::list) {
      for (const YamlPtr& base : merge.value->items) take_from(*base);
    } else {
      take_from(*merge.value);
    }
  }

  const YamlText& text_;
  Problems& problems_;
  bool seen_document_ = false;
  YAML::Mark last_scalar_ = YAML::Mark::null_mark();
  YamlPtr root_;
  std::vector<Open> stack_;
  std::map<YAML::anchor_t, YamlPtr> anchors_;
};

// yaml-cpp's words for what goes wrong most often, in ours, with the mend.
std::string explain(const std::string& message) {
  const std::pair<const char*, const char*> mends[] = {
      {YAML::ErrorMsg::TAB_IN_INDENTATION, "a tab can't indent a line; use spaces"},
      {YAML::ErrorMsg::MAP_VALUE,
       "a colon where no key is expected; check the indentation, and put text that holds `: ` in quotes"},
      {YAML::ErrorMsg::MAP_KEY, "a key where none is expected; check the indentation"},
      {YAML::ErrorMsg::BLOCK_ENTRY,
       "a list entry where none is expected; check that `- ` is indented with spaces, below its key"},
      {YAML::ErrorMsg::UNKNOWN_TOKEN, "a value can't begin with this character; put the value in quotes"},
      {YAML::ErrorMsg::EOF_IN_SCALAR, "the closing quote is missing"},
      {YAML::ErrorMsg::DOC_IN_SCALAR, "the closing quote is missing"},
      {YAML::ErrorMsg::END_OF_SEQ_FLOW, "the closing bracket `]` is missing"},
      {YAML::ErrorMsg::END_OF_MAP_FLOW, "the closing brace `}` is missing"},
      {YAML::ErrorMsg::FLOW_END, "a closing bracket without its opening one"},
      {YAML::ErrorMsg::END_OF_MAP, "this does not belong to the map above; check the indentation"},
      {YAML::ErrorMsg::END_OF_SEQ, "this does not belong to the list above; check the indentation"},
      {YAML::ErrorMsg::UNKNOWN_ANCHOR, "no anchor of this name stands above; define it with `&name` first"},
  };
  for (const auto& [theirs, ours] : mends) {
    if (message == theirs) return ours;
  }
  return "this is not valid YAML (" + message + "); check the indentation, brackets and quotes here and just above";
}

// What the parser stumbled over, told where it began.
void report(Problems& problems, const YamlText& text, Place place, const std::string& message) {
  if (const auto opened = text.unclosed_quote(); opened && *opened <= place) {
    report_unclosed_quote(problems, *opened);
    return;
  }
  const bool maybe_no_key = message == YAML::ErrorMsg::MAP_VALUE || message == YAML::ErrorMsg::MAP_KEY ||
                            message == YAML::ErrorMsg::END_OF_MAP;
  if (const auto mend = maybe_no_key ? mend_near(text.content(), place.line) : std::nullopt) {
    problems.error(mend->place, mend->text);
    return;
  }
  problems.error(place, explain(message));
}

}  // namespace

const YamlEntry* YamlNode::find(std::string_view key) const {
  const auto found =
      std::find_if(entries.begin(), entries.end(), [&](const YamlEntry& entry) { return entry.key == key; });
  return found == entries.end() ? nullptr : &*found;
}

YamlPtr parse_yaml(const std::string& text, Problems& problems) {
  const YamlText prepared(text, problems);
  if (!prepared.readable()) return nullptr;
  TreeBuilder builder(prepared, problems);
  try {
    std::istringstream stream(prepared.content());
    YAML::Parser parser(stream);
    while (parser.HandleNextDocument(builder)) {
    }
  } catch (const GiveUp&) {
    return nullptr;
  } catch (const YAML::Exception& exception) {
    report(problems, prepared, builder.place_of(exception.mark), exception.msg);
    return nullptr;
  }
  return builder.root();
}

YamlPtr merge_yaml(const YamlPtr& base, const YamlPtr& over) {
  if (base->kind != YamlNode::Kind::map || over->kind != YamlNode::Kind::map) return over;
  auto merged = std::make_shared<YamlNode>(*base);
  std::unordered_map<std::string_view, std::size_t> index_of;
  for (std::size_t i = 0; i < base->entries.size(); ++i) index_of.emplace(base->entries[i].key, i);
  for (const YamlEntry& entry : over->entries) {
    const auto same = index_of.find(entry.key);
    if (same == index_of.end()) {
      merged->entries.push_back(entry);
    } else {
      YamlPtr& value = merged->entries[same->second].value;
      value = merge_yaml(value, entry.value);
    }
  }
  return merged;
}

}  // namespace holdfast
