// What the parent gives to do: one JSON object on stdin (parent/notify_job.cpp writes it).
#pragma once

#include "common/result.hpp"

#include <chrono>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace holdfast {

struct MailJob {
  std::string server;  // smtp:// or smtps://
  std::string tls;     // off, starttls, smtps
  std::string login;   // empty: none
  std::string password;
  std::string ca;  // PEM; empty: what the system trusts
  std::string from;
  std::vector<std::string> to;
  std::string subject;
  std::string text;
  std::string message_id;
  std::string in_reply_to;  // may be empty
};

struct WebhookJob {
  std::string url;
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string signature;  // none, dingtalk, feishu, hmac-sha256
  std::string secret;
  std::string signature_header;
  std::string ca;
};

struct Job {
  std::chrono::milliseconds timeout{};
  std::variant<MailJob, WebhookJob> what;
};

Result<Job> parse_job(std::string_view text);

}  // namespace holdfast
