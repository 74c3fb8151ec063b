// The http probe: does a GET answer with a wanted status and a wanted body?
#pragma once

#include "checker_child/probes/http_client.hpp"
#include "checker_child/probes/probe_runner.hpp"
#include "common/check_config.hpp"
#include "common/expression.hpp"

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

namespace holdfast {

class HttpProbeRunner : public ProbeRunner {
 public:
  HttpProbeRunner(HttpClient& client, HttpProbe probe, ProbeSink sink);

  void start(std::uint64_t run) override;
  void cancel() override;
  std::string waiting_for() const override { return transfer_ ? transfer_->waiting_for() : "GET " + probe_.url; }

 private:
  ProbeResult judge(const HttpAnswer& answer);
  // ", but its certificate expires in 5 days, on 2026-11-29", or nothing; the log hears of it once a day.
  std::string certificate_remark(const HttpAnswer& answer);
  void finish(const ProbeResult& result);

  HttpClient& client_;
  HttpProbe probe_;
  ProbeSink sink_;
  std::optional<Result<Expression>> body_;  // empty: any body will do
  std::optional<std::uint64_t> run_;
  std::unique_ptr<HttpClient::Transfer> transfer_;
  std::optional<std::chrono::system_clock::time_point> remarked_;  // when the log last heard of the certificate
};

}  // namespace holdfast
