#include "notify_helper/delivery.hpp"

#include "notify_helper/mail.hpp"
#include "notify_helper/webhook.hpp"

#include <curl/curl.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <string_view>
#include <utility>

namespace holdfast {
namespace {

constexpr std::size_t answer_limit = 64u << 10;

struct FreeList {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};
using List = std::unique_ptr<curl_slist, FreeList>;

void append(List& list, const std::string& line) {
  curl_slist* longer = curl_slist_append(list.get(), line.c_str());
  if (longer == nullptr) return;
  [[maybe_unused]] curl_slist* same = list.release();
  list.reset(longer);
}

// One transfer: a handle with what every one of them needs.
class Transfer {
 public:
  Transfer(const std::string& url, const char* protocols, const std::string& ca, std::chrono::milliseconds timeout)
      : easy_(curl_easy_init(), curl_easy_cleanup) {
    if (!easy_) return;
    set(CURLOPT_URL, url.c_str());
    set(CURLOPT_PROTOCOLS_STR, protocols);
    set(CURLOPT_NOSIGNAL, 1L);
    set(CURLOPT_NOPROXY, "*");
    set(CURLOPT_NETRC, static_cast<long>(CURL_NETRC_IGNORED));
    set(CURLOPT_FOLLOWLOCATION, 0L);
    set(CURLOPT_TIMEOUT_MS, static_cast<long>(timeout.count()));
    set(CURLOPT_SSL_VERIFYPEER, 1L);
    set(CURLOPT_SSL_VERIFYHOST, 2L);
    set(CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
    set(CURLOPT_ERRORBUFFER, error_);
    if (!ca.empty()) {
      curl_blob blob{const_cast<char*>(ca.data()), ca.size(), CURL_BLOB_COPY};
      set(CURLOPT_CAINFO_BLOB, &blob);
      set(CURLOPT_CAPATH, static_cast<char*>(nullptr));
    }
    curl_write_callback keep_line = [](char* data, std::size_t one, std::size_t size, void* self) {
      static_cast<Transfer*>(self)->heard(std::string_view(data, one * size));
      return one * size;
    };
    set(CURLOPT_HEADERFUNCTION, keep_line);
    set(CURLOPT_HEADERDATA, this);
    curl_write_callback keep_body = [](char* data, std::size_t one, std::size_t size, void* self) {
      std::string& body = static_cast<Transfer*>(self)->body_;
      body.append(data, std::min(one * size, answer_limit - std::min(answer_limit, body.size())));
      return body.size() < answer_limit ? one * size : 0;  // 0 ends the transfer
    };
    set(CURLOPT_WRITEFUNCTION, keep_body);
    set(CURLOPT_WRITEDATA, this);
  }

  template <class Value>
  void set(CURLoption option, Value value) {
    if (easy_) curl_easy_setopt(easy_.get(), option, value);
  }

  CURLcode perform() { return easy_ ? curl_easy_perform(easy_.get()) : CURLE_OUT_OF_MEMORY; }

  long status() const {
    long status = 0;
    curl_easy_getinfo(easy_.get(), CURLINFO_RESPONSE_CODE, &status);
    return status;
  }
  const std::string& body() const { return body_; }
  // We ended it, having heard enough.
  bool cut(CURLcode outcome) const { return outcome == CURLE_WRITE_ERROR && body_.size() >= answer_limit; }
  // What the other side said last, and what it refused on the way.
  const std::string& last_line() const { return last_line_; }
  const std::string& refused() const { return refused_; }

  std::string failure(CURLcode outcome) const {
    std::string text = error_[0] != '\0' ? error_ : curl_easy_strerror(outcome);
    long cause = 0;
    if (outcome == CURLE_COULDNT_CONNECT && curl_easy_getinfo(easy_.get(), CURLINFO_OS_ERRNO, &cause) == CURLE_OK &&
        cause != 0) {
      text += std::string(" (") + std::strerror(static_cast<int>(cause)) + ")";
    }
    if (outcome == CURLE_PEER_FAILED_VERIFICATION) text += "; if a CA of your own issued it, name that in `ca_file`";
    return text;
  }

 private:
  void heard(std::string_view line) {
    while (line.ends_with('\n') || line.ends_with('\r')) line.remove_suffix(1);
    if (line.empty()) return;
    last_line_ = line.substr(0, 300);
    if (line.front() == '5' || line.front() == '4') refused_ = last_line_;
  }

  std::unique_ptr<CURL, decltype(&curl_easy_cleanup)> easy_;
  char error_[CURL_ERROR_SIZE] = "";
  std::string last_line_;
  std::string refused_;
  std::string body_;
};

Result<std::string> deliver_mail(const MailJob& job, std::chrono::milliseconds timeout) {
  Transfer transfer(job.server, "smtp,smtps", job.ca, timeout);
  const bool encrypted = job.tls != "off";
  transfer.set(CURLOPT_USE_SSL, static_cast<long>(encrypted ? CURLUSESSL_ALL : CURLUSESSL_NONE));
  if (!job.login.empty()) {
    transfer.set(CURLOPT_USERNAME, job.login.c_str());
    transfer.set(CURLOPT_PASSWORD, job.password.c_str());
  }
  const std::string from = "<" + job.from + ">";
  List to;
  for (const std::string& address : job.to) append(to, "<" + address + ">");
  transfer.set(CURLOPT_MAIL_FROM, from.c_str());
  transfer.set(CURLOPT_MAIL_RCPT, to.get());
  // One address that is gone must not keep the alarm from the others.
  transfer.set(CURLOPT_MAIL_RCPT_ALLLOWFAILS, 1L);
  const std::string mail = compose_mail(job, std::chrono::system_clock::now());
  std::string_view rest = mail;
  curl_read_callback next = [](char* buffer, std::size_t one, std::size_t count, void* self) {
    auto& left = *static_cast<std::string_view*>(self);
    const std::size_t size = std::min(one * count, left.size());
    std::memcpy(buffer, left.data(), size);
    left.remove_prefix(size);
    return size;
  };
  transfer.set(CURLOPT_READFUNCTION, next);
  transfer.set(CURLOPT_READDATA, &rest);
  transfer.set(CURLOPT_INFILESIZE_LARGE, static_cast<curl_off_t>(mail.size()));
  transfer.set(CURLOPT_UPLOAD, 1L);

  const CURLcode outcome = transfer.perform();
  switch (outcome) {
    case CURLE_OK:
      return transfer.refused().empty()
                 ? ""
                 : "the mail server refused a recipient: " + transfer.refused() + "; the others have the mail";
    case CURLE_USE_SSL_FAILED:
      return Error{
          "the mail server offers no STARTTLS; use `smtps://`, or write `tls: off` where the mail may cross the "
          "network readable for all"};
    case CURLE_LOGIN_DENIED:
      return Error{"the mail server does not accept login and password: " +
                   (transfer.last_line().empty() ? transfer.failure(outcome) : transfer.last_line())};
    default: break;
  }
  const std::string said = transfer.refused();
  return Error{transfer.failure(outcome) + (said.empty() ? "" : "; the mail server said: " + said)};
}

Result<std::string> deliver_webhook(const WebhookJob& job, std::chrono::milliseconds timeout) {
  const auto request = sign(job, std::chrono::system_clock::now());
  if (!request) return request.error();
  Transfer transfer(request->url, "http,https", job.ca, timeout);
  List headers;
  const bool typed = std::any_of(request->headers.begin(), request->headers.end(), [](const auto& header) {
    return curl_strequal(header.first.c_str(), "content-type") != 0;
  });
  if (!typed) append(headers, "Content-Type: application/json; charset=utf-8");
  append(headers, "Expect:");
  for (const auto& [name, value] : request->headers) append(headers, name + ": " + value);
  transfer.set(CURLOPT_HTTPHEADER, headers.get());
  transfer.set(CURLOPT_USERAGENT, "holdfast-notify/" HOLDFAST_VERSION);
  transfer.set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request->body.size()));
  transfer.set(CURLOPT_POSTFIELDS, request->body.c_str());
  const CURLcode outcome = transfer.perform();
  if (outcome == CURLE_UNSUPPORTED_PROTOCOL) return Error{"what answers at the URL does not speak HTTP"};
  if (outcome != CURLE_OK && !transfer.cut(outcome)) return Error{transfer.failure(outcome)};
  if (const Status taken = judge_answer(transfer.status(), transfer.body()); !taken) return taken.error();
  return std::string();
}

}  // namespace

Result<std::string> deliver(const Job& job) {
  if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) return Error{"libcurl does not start"};
  if (const auto* mail = std::get_if<MailJob>(&job.what)) return deliver_mail(*mail, job.timeout);
  return deliver_webhook(std::get<WebhookJob>(job.what), job.timeout);
}

}  // namespace holdfast
