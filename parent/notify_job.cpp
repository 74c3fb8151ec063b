#include "parent/notify_job.hpp"

#include "common/config/message_template.hpp"
#include "parent/news.hpp"
#include "parent/text.hpp"

#include <nlohmann/json.hpp>

#include <chrono>

namespace holdfast {
namespace {

using Json = nlohmann::json;

const char* word(NotifyEmail::Tls tls) {
  switch (tls) {
    case NotifyEmail::Tls::off: return "off";
    case NotifyEmail::Tls::starttls: return "starttls";
    case NotifyEmail::Tls::smtps: return "smtps";
  }
  return "?";
}

const char* word(NotifyWebhook::Signature signature) {
  switch (signature) {
    case NotifyWebhook::Signature::none: return "none";
    case NotifyWebhook::Signature::dingtalk: return "dingtalk";
    case NotifyWebhook::Signature::feishu: return "feishu";
    case NotifyWebhook::Signature::hmac_sha256: return "hmac-sha256";
  }
  return "?";
}

// Mails about one thing have one subject, so that programs show them together.
std::string subject(const Notification& notification) {
  const std::string subject = "[" + value_of(notification, "node") + "] " + notification.title;
  return notification.status == Notification::Status::recovery ? "Re: " + subject + " [over]" : subject;
}

std::string mail_text(const Notification& notification) {
  constexpr std::pair<const char*, const char*> lines[] = {
      {"node", "Node:      "},  {"time", "Time:      "},      {"instance", "Instance:  "},
      {"from", "From:      "},  {"to", "To:        "},        {"priority", "Priority:  "},
      {"vrid", "VRID:      "},  {"interface", "Interface: "}, {"addresses", "Addresses: "},
      {"check", "Check:     "}, {"peer", "Peer:      "},
  };
  std::string text = notification.text + "\n\n";
  for (const auto& [name, label] : lines) {
    const std::string value = value_of(notification, name);
    if (!value.empty()) text += label + value + "\n";
  }
  return text + "\nOn that host: holdfast status; journalctl -u holdfast\n";
}

std::string message_id(std::uint64_t serial, const std::string& domain) {
  return "<" + std::to_string(serial) + "@" + domain + ">";
}

void fill(Json& job, const NotifyEmail& email, const Notification& notification, const std::string& domain) {
  job["server"] = email.server;
  job["tls"] = word(email.tls);
  job["login"] = email.login;
  job["password"] = email.password;
  job["ca"] = email.ca;
  job["from"] = email.from;
  job["to"] = email.to;
  job["subject"] = subject(notification);
  job["text"] = mail_text(notification);
  job["message_id"] = message_id(notification.serial, domain);
  job["in_reply_to"] = notification.answers ? message_id(*notification.answers, domain) : "";
}

void fill(Json& job, const NotifyWebhook& webhook, const Notification& notification, const std::string&) {
  job["url"] = webhook.url;
  job["body"] = fill_template(webhook.body, [&](std::string_view name) { return value_of(notification, name); });
  job["headers"] = webhook.headers;
  job["signature"] = word(webhook.signature);
  job["secret"] = webhook.secret;
  job["signature_header"] = webhook.signature_header;
  job["ca"] = webhook.ca;
}

void fill(Json&, const NotifyCommand&, const Notification&, const std::string&) {}

}  // namespace

std::string notify_job(const NotifyTarget& target, const Notification& notification, const std::string& domain) {
  Json job{{"type", type_name(target.how)},
           {"timeout_ms", std::chrono::duration_cast<std::chrono::milliseconds>(target.timeout).count()}};
  std::visit([&](const auto& how) { fill(job, how, notification, domain); }, target.how);
  return job.dump(-1, ' ', false, Json::error_handler_t::replace);
}

NotifyOutcome notify_outcome(const CommandResult& result) {
  const Json answer = Json::parse(result.output, nullptr, false);
  const bool well_formed = answer.is_object() && answer.contains("ok") && answer["ok"].is_boolean() &&
                           answer.contains("text") && answer["text"].is_string();
  // It can't have succeeded without saying so.
  if (!well_formed)
    return {"holdfast-notify failed: " + (result.text.empty() ? "no answer" : one_line(result.text)), ""};
  const std::string text = one_line(answer["text"].get<std::string>());
  if (answer["ok"].get<bool>() && result.ok()) return {"", text};
  return {text.empty() ? "holdfast-notify failed without a reason" : text, ""};
}

std::string mail_domain(const std::string& node) {
  std::string host;
  for (const char c : node) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-';
    host += plain ? c : '-';
  }
  const auto started = std::chrono::system_clock::now().time_since_epoch();
  return std::to_string(std::chrono::duration_cast<std::chrono::microseconds>(started).count()) + "." + host +
         ".holdfast";
}

}  // namespace holdfast
