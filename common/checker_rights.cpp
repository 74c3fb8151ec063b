#include "common/checker_rights.hpp"

#include <algorithm>
#include <variant>

namespace holdfast {
namespace {

std::string folder_of(const std::string& file) { return file.substr(0, file.rfind('/') + 1); }

struct Collect {
  CheckerRights& rights;

  void operator()(const ProcessProbe& probe) const {
    rights.processes = true;
    if (!probe.pid_file.empty()) rights.readable.insert(folder_of(probe.pid_file));
  }
  void operator()(const TcpProbe&) const { rights.network = true; }
  void operator()(const HttpProbe& probe) const {
    rights.network = true;
    if (!probe.unix_socket.empty()) rights.unix_sockets = true;
    if (!probe.tls_ca.empty()) rights.readable.insert(probe.tls_ca);  // may be a link to somewhere else
  }
  void operator()(const NginxProbe& probe) const {
    rights.processes = true;
    rights.readable.insert(folder_of(probe.pid_file));
    (*this)(probe.page);
  }
  // Whether something is there can be asked without a right to open it.
  void operator()(const FileProbe&) const {}
  void operator()(const ScriptProbe&) const {}
};

}  // namespace

bool CheckerRights::cover(const CheckerRights& wanted) const {
  return (processes || !wanted.processes) && (network || !wanted.network) && (unix_sockets || !wanted.unix_sockets) &&
         std::ranges::includes(readable, wanted.readable);
}

CheckerRights rights_needed(const std::vector<CheckSpec>& checks) {
  CheckerRights rights;
  for (const CheckSpec& check : checks) std::visit(Collect{rights}, check.probe);
  return rights;
}

}  // namespace holdfast
