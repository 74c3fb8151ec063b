// The tcp probe: does a connection succeed and, where wanted, what does the other end say?
#pragma once

#include "checker_child/probes/probe_runner.hpp"
#include "checker_child/probes/resolver.hpp"
#include "common/check_config.hpp"
#include "common/event_loop.hpp"
#include "common/expression.hpp"
#include "common/fd.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast {

// One connection per run. A name with several addresses is up when one of them answers; they are tried in
// the resolver's order, and share the one timeout.
class TcpProbeRunner : public ProbeRunner {
 public:
  // `expect` is looked for in this much of the answer, in bytes; nothing more is read.
  static constexpr std::size_t answer_limit = 4096;

  TcpProbeRunner(EventLoop& loop, TcpProbe probe, ProbeSink sink);

  void start(std::uint64_t run) override;
  void cancel() override;
  std::string waiting_for() const override { return waiting_for_; }

 private:
  void connect_next();
  void connection_failed(int error_number);
  void connected();
  void ready(std::uint32_t events);
  bool send_rest();
  // False once the run is over.
  bool read_some();
  void judge(bool closed);
  void finish(bool good, std::string detail);

  EventLoop& loop_;
  TcpProbe probe_;
  ProbeSink sink_;
  Resolver resolver_;
  std::optional<Result<Expression>> expect_;  // empty: connecting is enough

  std::optional<std::uint64_t> run_;
  std::string waiting_for_;
  std::vector<Endpoint> endpoints_;  // the current one first
  Fd socket_;
  IoWatch watch_;
  std::string_view unsent_;
  std::string answer_;
};

}  // namespace holdfast
