#include "checker_child/probes/http_probe.hpp"

#include "checker_child/core/certificate.hpp"
#include "common/log.hpp"

#include <algorithm>
#include <utility>

namespace holdfast {
namespace {

std::string ranges_text(const HttpProbe& probe) {
  std::string text;
  for (const auto& [first, last] : probe.status) {
    if (!text.empty()) text += ", ";
    text += std::to_string(first);
    if (last != first) text += "-" + std::to_string(last);
  }
  return text;
}

}  // namespace

HttpProbeRunner::HttpProbeRunner(HttpClient& client, HttpProbe probe, ProbeSink sink)
    : client_(client), probe_(std::move(probe)), sink_(std::move(sink)) {
  if (!probe_.body.empty()) body_ = Expression::compile(probe_.body);
}

void HttpProbeRunner::start(std::uint64_t run) {
  run_ = run;
  if (body_ && !*body_) {
    return finish({.good = false,
                   .detail = "the expression '" + probe_.body + "' cannot be used: " + body_->error().text,
                   .took = {}});
  }
  auto transfer = client_.get(probe_, [this](const HttpAnswer& answer) { finish(judge(answer)); });
  if (!transfer) return finish({.detail = transfer.error().text});
  transfer_ = std::move(*transfer);
}

void HttpProbeRunner::cancel() {
  transfer_.reset();
  run_.reset();
}

void HttpProbeRunner::finish(const ProbeResult& result) {
  const auto run = *run_;
  cancel();
  sink_.finished(run, result);
}

ProbeResult HttpProbeRunner::judge(const HttpAnswer& answer) {
  ProbeResult result;
  if (!answer.error.empty()) {
    result.detail = answer.error;
    return result;
  }
  result.detail = "answered " + std::to_string(answer.status);
  const bool wanted = std::any_of(probe_.status.begin(), probe_.status.end(), [&](const auto& range) {
    return answer.status >= range.first && answer.status <= range.second;
  });
  if (!wanted) {
    result.detail += ", wanted " + ranges_text(probe_);
  } else if (body_ && !(*body_)->found_in(answer.body)) {
    result.detail += ", but there is no '" + probe_.body + "' in the first " +
                     std::to_string(HttpClient::body_kept / 1024) + " KiB of the body";
  } else {
    result.good = true;
    result.detail += certificate_remark(answer);
  }
  return result;
}

std::string HttpProbeRunner::certificate_remark(const HttpAnswer& answer) {
  const auto expires = parse_certificate_time(answer.certificate_expires);
  if (!expires) return "";
  const auto now = std::chrono::system_clock::now();
  const std::string remark =
      expiry_remark(*expires, std::chrono::floor<std::chrono::seconds>(now), probe_.tls_expiry_warning);
  if (remark.empty()) return "";
  // The clock may be set back, too.
  if (!remarked_ || now - *remarked_ >= std::chrono::hours(24) || now < *remarked_) {
    remarked_ = now;
    log(LogLevel::warning, probe_.url + (probe_.host.empty() ? "" : " of " + probe_.host) + ": " + remark);
  }
  return ", but " + remark;
}

}  // namespace holdfast
