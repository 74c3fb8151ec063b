#include "common/config/notify.hpp"

#include "common/config/endpoint_text.hpp"
#include "common/config/message_template.hpp"
#include "common/config/secret.hpp"
#include "common/config/text_file.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

namespace holdfast {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t most_targets = 64;
constexpr std::size_t most_recipients = 100;
constexpr std::size_t most_headers = 32;
constexpr std::size_t longest_address = 254;
constexpr std::size_t largest_certificates = 512u << 10;

constexpr DurationRange timeout_range{100ms, 10min};
constexpr DurationRange retry_range{100ms, 1h};

const std::vector<NotifyEvent> transitions{NotifyEvent::active, NotifyEvent::backup, NotifyEvent::fault,
                                           NotifyEvent::stop};
// What somebody should look at. What ends it is told without being named here.
const std::vector<NotifyEvent> what_matters{NotifyEvent::active, NotifyEvent::fault, NotifyEvent::check_down,
                                            NotifyEvent::restart_failed, NotifyEvent::conflict};

// All that is known, for receivers that take it apart themselves.
constexpr const char* default_body =
    R"({"text":"{{text}}","title":"{{title}}","event":"{{event}}","status":"{{status}}","node":"{{node}}",)"
    R"("time":"{{time}}","topic":"{{topic}}","instance":"{{instance}}","from":"{{from}}","to":"{{to}}",)"
    R"("reason":"{{reason}}","priority":"{{priority}}","vrid":"{{vrid}}","interface":"{{interface}}",)"
    R"("addresses":"{{addresses}}","check":"{{check}}","peer":"{{peer}}"})";

bool is_printable(std::string_view text, bool with_blanks) {
  return std::all_of(text.begin(), text.end(), [&](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte > 0x20 ? byte < 0x7f : byte == 0x20 && with_blanks;
  });
}

// ---- what all targets have ----

std::vector<std::string> names_of(const std::vector<NotifyEvent>& events) {
  std::vector<std::string> names;
  for (const NotifyEvent event : events) names.emplace_back(to_string(event));
  return names;
}

// The event that `name` stands for, out of `allowed`.
std::optional<NotifyEvent> read_event(Problems& problems, const YamlNode& node,
                                      const std::vector<NotifyEvent>& allowed) {
  const auto name = read_text(problems, node, "an entry of `on`");
  if (!name) return std::nullopt;
  const auto found =
      std::find_if(allowed.begin(), allowed.end(), [&](NotifyEvent event) { return to_string(event) == *name; });
  if (found != allowed.end()) return *found;
  static const std::map<std::string, std::string> keepalived{
      {"MASTER", "active"}, {"BACKUP", "backup"}, {"FAULT", "fault"}, {"STOP", "stop"}, {"master", "active"}};
  const auto known = keepalived.find(*name);
  problems.error(node.place,
                 "`on` can't hold " + quoted(*name) +
                     (known != keepalived.end() ? "; write " + quoted(known->second)
                                                : problems.hint_for(*name, names_of(allowed), "the events are")));
  return std::nullopt;
}

std::vector<NotifyEvent> all_events() {
  std::vector<NotifyEvent> all;
  for (std::size_t i = 0; i < notify_event_names.size(); ++i) all.push_back(static_cast<NotifyEvent>(i));
  return all;
}

std::vector<NotifyEvent> read_on(Problems& problems, MapReader& reader, const std::vector<NotifyEvent>& by_default,
                                 const std::vector<NotifyEvent>& allowed) {
  const YamlEntry* entry = reader.take("on");
  if (entry == nullptr) return by_default;
  std::vector<NotifyEvent> events;
  const auto* items = read_list(problems, *entry->value, "`on`", "[active, fault]");
  for (std::size_t i = 0; items != nullptr && i < items->size(); ++i) {
    const auto event = read_event(problems, *(*items)[i], allowed);
    if (!event) continue;
    if (std::find(events.begin(), events.end(), *event) != events.end()) {
      problems.error((*items)[i]->place, "`on` holds " + quoted(to_string(*event)) + " twice; remove one of them");
    }
    events.push_back(*event);
  }
  return events;
}

std::vector<std::string> read_instance_names(Problems& problems, MapReader& reader,
                                             const std::vector<std::string>& known) {
  std::vector<std::string> names;
  const YamlEntry* entry = reader.take("instances");
  if (entry == nullptr) return names;
  const auto* items = read_list(problems, *entry->value, "`instances`", "[VI_1]");
  for (std::size_t i = 0; items != nullptr && i < items->size(); ++i) {
    const auto name = read_text(problems, *(*items)[i], "an entry of `instances`");
    if (!name) continue;
    if (std::find(known.begin(), known.end(), *name) == known.end()) {
      problems.error((*items)[i]->place,
                     "no instance is called " + quoted(*name) + problems.hint_for(*name, known, "the instances are"));
    }
    names.push_back(*name);
  }
  return names;
}

std::string read_ca(Problems& problems, MapReader& reader) {
  const YamlEntry* entry = reader.take("ca_file");
  if (entry == nullptr) return {};
  const auto path = read_path(problems, *entry->value, "`ca_file`");
  if (!path) return {};
  const auto file = read_text_file(*path, largest_certificates);
  if (!file) {
    problems.error(entry->value->place, "`ca_file` " + quoted(*path) + ": " + file.error().text);
    return {};
  }
  if (file->text.size() > largest_certificates || file->text.find("-----BEGIN CERTIFICATE-----") == std::string::npos) {
    problems.error(entry->value->place,
                   "`ca_file` " + quoted(*path) +
                       " holds no certificate in the form PEM, a block that begins with `-----BEGIN CERTIFICATE-----`");
    return {};
  }
  return file->text;
}

// ---- one kind each ----

NotifyCommand read_command_target(Problems& problems, MapReader& reader) {
  NotifyCommand command;
  const YamlEntry* argv = reader.take("command");
  if (argv == nullptr) reader.missing("command", "command: [/usr/local/bin/notify.sh]");
  if (argv != nullptr) command.argv = read_command(problems, *argv->value, "`command`").value_or(command.argv);
  command.user = reader.text("user").value_or("");
  return command;
}

// One that needs no quoting, in a header as on SMTP's command lines.
std::string read_mail_address(Problems& problems, const YamlNode& node, const std::string& what) {
  const auto address = read_text(problems, node, what);
  if (!address) return {};
  const auto at = address->find('@');
  const bool good = at != std::string::npos && at > 0 && at + 1 < address->size() && address->rfind('@') == at &&
                    address->size() <= longest_address && is_printable(*address, false) &&
                    address->find_first_of("<>()[],;:\\\"") == std::string::npos;
  if (!good) {
    problems.error(node.place, what + " can't be " + quoted(*address) +
                                   "; write a plain mail address, such as `ops@example.net`, without a name or "
                                   "brackets around it");
  }
  return *address;
}

void read_server(Problems& problems, MapReader& reader, NotifyEmail& email) {
  const YamlEntry* server = reader.take("server");
  const YamlEntry* tls = reader.take("tls");
  if (server == nullptr) reader.missing("server", "server: smtp://mail.example.net:25");
  bool smtps = false;
  if (server != nullptr) {
    email.server = read_text(problems, *server->value, "`server`").value_or("");
    const auto endpoint = parse_smtp_url(email.server);
    if (!email.server.empty() && !endpoint) {
      problems.error(server->value->place, "`server` " + quoted(email.server) + " " + endpoint.error().text);
    }
    smtps = email.server.starts_with("smtps://");
  }
  if (smtps) email.tls = NotifyEmail::Tls::smtps;
  if (tls == nullptr) return;
  const auto choice = read_choice(problems, *tls->value, "`tls`", {"off", "starttls"});
  if (smtps) {
    problems.error(tls->place, "`tls` is for `smtp://`; with `smtps://` everything is encrypted, so remove the line");
    return;
  }
  if (choice == 0u) email.tls = NotifyEmail::Tls::off;
}

void read_login(Problems& problems, MapReader& reader, NotifyEmail& email) {
  const YamlEntry* login = reader.take("login");
  const auto password = take_secret(problems, reader, "password");
  if (password) email.password = read_secret(problems, *password, "password").value_or("");
  if (login == nullptr) {
    if (password) problems.error(password->entry->place, reader.what() + " has a password and no `login`; add one");
    return;
  }
  email.login = read_text(problems, *login->value, "`login`").value_or("");
  if (!is_printable(email.login, true)) {
    problems.error(login->value->place,
                   "`login` holds a character that is not plain ASCII; write the name that the "
                   "mail server knows");
  }
  if (!password && reader.peek("password") == nullptr) {
    reader.missing("password", "password_file: /etc/holdfast/smtp.password", "or remove `login`");
  }
  if (email.tls == NotifyEmail::Tls::off) {
    problems.warning(login->place,
                     "the password crosses the network readable for all, since `tls` is off; write `tls: starttls`, or "
                     "`smtps://` in `server`");
  }
}

NotifyEmail read_email_target(Problems& problems, MapReader& reader) {
  NotifyEmail email;
  const YamlEntry* to = reader.take("to");
  if (to == nullptr) reader.missing("to", "to: [ops@example.net]");
  const auto* items = to == nullptr ? nullptr : read_list(problems, *to->value, "`to`", "[ops@example.net]");
  if (items != nullptr && items->size() > most_recipients) {
    problems.error(to->place,
                   "`to` has more than " + std::to_string(most_recipients) + " addresses; use a mailing list");
  } else if (items != nullptr) {
    for (const YamlPtr& item : *items) email.to.push_back(read_mail_address(problems, *item, "an address in `to`"));
  }
  const YamlEntry* from = reader.take("from");
  if (from == nullptr) reader.missing("from", "from: holdfast@web-1.example.net");
  if (from != nullptr) email.from = read_mail_address(problems, *from->value, "`from`");
  read_server(problems, reader, email);
  read_login(problems, reader, email);
  email.ca = read_ca(problems, reader);
  if (const YamlEntry* ca = reader.peek("ca_file"); ca != nullptr && email.tls == NotifyEmail::Tls::off) {
    problems.error(ca->place, "`ca_file` does nothing with `tls: off`; remove one of them");
  }
  return email;
}

void read_signature(Problems& problems, MapReader& reader, NotifyWebhook& webhook) {
  const YamlEntry* entry = reader.take("signature");
  if (entry == nullptr) return;
  MapReader signature(problems, *entry->value, entry->place, Section::notify_signature,
                      "`signature` of " + reader.what());
  if (!signature.is_map()) return;
  const auto type = signature.choice("type", {"dingtalk", "feishu", "hmac-sha256"});
  if (signature.peek("type") == nullptr) signature.missing("type", "type: hmac-sha256");
  if (type) webhook.signature = static_cast<NotifyWebhook::Signature>(*type + 1);
  const auto secret = take_secret(problems, signature, "secret");
  if (secret) webhook.secret = read_secret(problems, *secret, "secret").value_or("");
  if (!secret && signature.peek("secret") == nullptr) {
    signature.missing("secret", "secret_file: /etc/holdfast/webhook.secret");
  }
  const YamlEntry* header = signature.take("header");
  webhook.signature_header = "X-Hub-Signature-256";
  if (header != nullptr) {
    webhook.signature_header = read_text(problems, *header->value, "`header`").value_or("");
    if (type && webhook.signature != NotifyWebhook::Signature::hmac_sha256) {
      problems.error(header->place, "`header` is for `type: hmac-sha256`; remove the line");
    }
    if (!is_printable(webhook.signature_header, false) || webhook.signature_header.find(':') != std::string::npos) {
      problems.error(header->value->place, "`header` can't be " + quoted(webhook.signature_header) +
                                               "; write the name of a header, such as `X-Hub-Signature-256`");
    }
  }
  signature.finish();
}

void read_headers(Problems& problems, MapReader& reader, NotifyWebhook& webhook) {
  const YamlEntry* entry = reader.take("headers");
  if (entry == nullptr) return;
  const YamlNode& node = *entry->value;
  if (node.kind != YamlNode::Kind::map || node.entries.empty() || node.entries.size() > most_headers) {
    problems.error(node.place, "`headers` must be a map of 1 to " + std::to_string(most_headers) +
                                   " headers, such as `{X-Token: abc}`");
    return;
  }
  for (const YamlEntry& header : node.entries) {
    std::string lower = header.key;
    std::transform(lower.begin(), lower.end(), lower.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
    const bool is_token = !header.key.empty() && header.key.find_first_not_of(
                                                     "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                                     "!#$%&'*+-.^_`|~") == std::string::npos;
    if (!is_token) {
      problems.error(header.place, quoted(header.key) + " is no name of a header; write one such as `X-Token`");
    } else if (lower == "content-length" || lower == "transfer-encoding" || lower == "host" || lower == "expect") {
      problems.error(header.place, "the header " + quoted(header.key) + " follows from `url` and `body`; remove it");
    }
    const auto value = read_text(problems, *header.value, "the header " + quoted(header.key));
    if (value && !is_printable(*value, true)) {
      problems.error(header.value->place,
                     "the header " + quoted(header.key) + " holds a character that is not plain ASCII; remove it");
    }
    webhook.headers.emplace_back(header.key, value.value_or(""));
  }
}

NotifyWebhook read_webhook_target(Problems& problems, MapReader& reader) {
  NotifyWebhook webhook;
  const auto url = take_secret(problems, reader, "url");
  if (!url && reader.peek("url") == nullptr) reader.missing("url", "url: https://example.net/hook", "or `url_file`");
  if (url) {
    webhook.url = read_secret(problems, *url, "url").value_or("");
    const auto endpoint = parse_http_url(webhook.url);
    if (!webhook.url.empty() && !endpoint) {
      // What stands in a file is a secret.
      problems.error(url->entry->value->place,
                     (url->is_file ? "the url in " + quoted(url->entry->value->text) : "`url` " + quoted(webhook.url)) +
                         " " + endpoint.error().text);
    }
  }
  webhook.body = default_body;
  if (const YamlEntry* body = reader.take("body")) {
    webhook.body = read_text(problems, *body->value, "`body`").value_or(webhook.body);
    if (const Status good = check_template(webhook.body); !good) {
      problems.error(body->value->place, "`body` " + good.error().text);
    }
  }
  webhook.recoveries = reader.boolean("recoveries").value_or(true);
  read_headers(problems, reader, webhook);
  read_signature(problems, reader, webhook);
  if (webhook.signature == NotifyWebhook::Signature::feishu && !webhook.body.starts_with('{')) {
    problems.error(reader.peek("signature")->place,
                   "the signature `feishu` stands within the body, so `body` must be a JSON object, `{...}`");
  }
  webhook.ca = read_ca(problems, reader);
  return webhook;
}

class Targets {
 public:
  Targets(Problems& problems, const std::vector<std::string>& instances) : problems_(problems), instances_(instances) {}

  // One map or a list of them. `word`: what one of them is called: "email".
  template <class Read>
  void read(const YamlEntry* entry, Section section, const std::string& word, Duration timeout,
            const std::vector<NotifyEvent>& on, Read read_how) {
    if (entry == nullptr) return;
    const YamlNode& node = *entry->value;
    if (node.kind == YamlNode::Kind::map) return read_one(node, entry->place, section, word, timeout, on, read_how);
    const auto* items = read_list(problems_, node, quoted(entry->key), "[{name: " + word + "-1, ...}]");
    for (std::size_t i = 0; items != nullptr && i < items->size(); ++i) {
      const YamlNode& item = *(*items)[i];
      read_one(item, item.place, section, word + "-" + std::to_string(i + 1), timeout, on, read_how);
    }
  }

  std::vector<NotifyTarget> take() { return std::move(targets_); }

 private:
  template <class Read>
  void read_one(const YamlNode& node, Place place, Section section, const std::string& default_name, Duration timeout,
                const std::vector<NotifyEvent>& on, Read read_how) {
    NotifyTarget target;
    target.name = default_name;
    const YamlEntry* name = node.kind == YamlNode::Kind::map ? node.find("name") : nullptr;
    if (name != nullptr) target.name = read_text(problems_, *name->value, "`name`").value_or(target.name);
    MapReader reader(problems_, node, place, section, std::string(name_of_kind(section)) + " " + quoted(target.name));
    if (!reader.is_map()) return;
    reader.take("name");
    check_name(problems_, name != nullptr ? name->value->place : place, target.name, "a target");
    if (!names_.emplace(target.name, place).second) {
      problems_.error(name != nullptr ? name->value->place : place,
                      "another target is called " + quoted(target.name) + " already; give each its own `name`");
    }
    target.how = read_how(problems_, reader);
    target.on = read_on(problems_, reader, on, all_events());
    target.instances = read_instance_names(problems_, reader, instances_);
    target.timeout = reader.duration("timeout", timeout_range).value_or(timeout);
    reader.finish();
    targets_.push_back(std::move(target));
    if (targets_.size() == most_targets + 1) {
      problems_.error(place, "more than " + std::to_string(most_targets) + " targets; use fewer");
    }
  }

  static const char* name_of_kind(Section section) {
    return section == Section::notify_command ? "command" : section == Section::notify_email ? "email" : "webhook";
  }

  Problems& problems_;
  const std::vector<std::string>& instances_;
  std::map<std::string, Place> names_;
  std::vector<NotifyTarget> targets_;
};

}  // namespace

std::vector<NotifyTarget> read_notify(Problems& problems, const YamlEntry& section,
                                      const std::vector<std::string>& instances) {
  MapReader reader(problems, *section.value, section.place, Section::notify, "`notify`");
  Targets targets(problems, instances);
  targets.read(reader.take("commands"), Section::notify_command, "command", 30s, transitions, read_command_target);
  targets.read(reader.take("email"), Section::notify_email, "email", 30s, what_matters, read_email_target);
  targets.read(reader.take("webhook"), Section::notify_webhook, "webhook", 10s, what_matters, read_webhook_target);
  reader.finish();
  return targets.take();
}

MoveConfig read_move(Problems& problems, const YamlEntry& entry, const std::string& instance) {
  MoveConfig move;
  MapReader reader(problems, *entry.value, entry.place, Section::move, "`move` of " + instance);
  const YamlEntry* command = reader.take("command");
  if (command == nullptr) reader.missing("command", "command: [/usr/local/bin/move-address]");
  if (command != nullptr) move.argv = read_command(problems, *command->value, "`command`").value_or(move.argv);
  move.user = reader.text("user").value_or("");
  move.on = read_on(problems, reader, move.on, transitions);
  move.timeout = reader.duration("timeout", timeout_range).value_or(move.timeout);
  move.retry = reader.duration("retry", retry_range).value_or(move.retry);
  reader.finish();
  return move;
}

}  // namespace holdfast
