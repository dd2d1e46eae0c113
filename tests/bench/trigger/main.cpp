// bench_trigger: the load client and the baselines of tests/bench/run-trigger, which starts the servers and
// prints the table. Each command prints one line of JSON.
//
//   bench_trigger load --port P --targets FILE --connections N --seconds S [--warmup S] [--rate R] [--expect
//   STATUS] bench_trigger idle --port P --connections N        (holds them until standard input ends)
//   bench_trigger sqlite --file F --targets FILE --writers N --seconds S
//
// FILE holds a line `JOB KEY` per target; only the first word is used by `sqlite`. Keys are read from a file,
// for a command line is visible to everyone.
#include "IdleConnections.h"
#include "LoadClient.h"
#include "SqliteWriters.h"

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <iostream>
#include <map>
#include <sstream>

namespace {

using namespace bench;

std::string latencyJson(const Histogram& h) {
    char text[160];
    std::snprintf(text, sizeof text, "\"p50\":%.3f,\"p99\":%.3f,\"p999\":%.3f,\"max\":%.3f", h.quantile(0.5),
                  h.quantile(0.99), h.quantile(0.999), h.maximum());
    return text;
}

std::vector<std::pair<std::string, std::string>> readTargets(const std::string& file) {
    std::vector<std::pair<std::string, std::string>> targets;
    std::ifstream in(file);
    for (std::string job, key; in >> job >> key;) targets.emplace_back(job, key);
    if (targets.empty()) throw std::runtime_error("no targets in " + file);
    return targets;
}

std::string quoted(const std::string& text) {
    std::string out = "\"";
    for (char c : text) {
        if (c == '"' || c == '\\') out += '\\';
        out += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
    }
    return out + "\"";
}

int load(std::map<std::string, std::string>& options) {
    LoadPlan plan;
    plan.port = std::atoi(options["port"].c_str());
    plan.connections = std::atoi(options["connections"].c_str());
    plan.seconds = std::atof(options["seconds"].c_str());
    if (options.count("warmup")) plan.warmupSeconds = std::atof(options["warmup"].c_str());
    if (options.count("rate")) plan.rate = std::atof(options["rate"].c_str());
    if (options.count("expect")) plan.expected = std::atoi(options["expect"].c_str());
    for (const auto& [job, key] : readTargets(options["targets"]))
        plan.requests.push_back(
            "POST /api/jobs/" + job + "/trigger HTTP/1.1\r\nHost: 127.0.0.1:" + options["port"] +
            "\r\nUser-Agent: bench_trigger\r\nAccept: application/json\r\nAuthorization: Bearer " + key +
            "\r\nContent-Length: 0\r\n\r\n");
    LoadResult result = runLoad(plan);
    std::ostringstream out;
    out << "{\"rate\":" << static_cast<double>(result.measured) / result.seconds
        << ",\"accepted\":" << result.answers[202] << ",\"unanswered\":" << result.unanswered
        << ",\"reconnects\":" << result.reconnects << ",\"answers\":{";
    bool first = true;
    for (const auto& [status, count] : result.answers) {
        out << (first ? "" : ",") << "\"" << status << "\":" << count;
        first = false;
    }
    out << "},\"firstRefusal\":" << quoted(result.firstRefusal) << "," << latencyJson(result.latency) << "}";
    std::cout << out.str() << std::endl;
    return 0;
}

int sqlite(std::map<std::string, std::string>& options) {
    std::vector<std::string> jobs;
    for (const auto& [job, key] : readTargets(options["targets"])) jobs.push_back(job);
    SqliteResult result = runSqliteWriters(options["file"], std::atoi(options["writers"].c_str()),
                                           std::atof(options["seconds"].c_str()), jobs);
    std::cout << "{\"rate\":" << static_cast<double>(result.rows) / result.seconds
              << ",\"rows\":" << result.rows << ",\"busy\":" << result.busy << ","
              << latencyJson(result.latency) << "}" << std::endl;
    return 0;
}

} // namespace

int main(int argc, char** argv) {
    std::signal(SIGPIPE, SIG_IGN);
    std::string command = argc > 1 ? argv[1] : "";
    std::map<std::string, std::string> options;
    for (int i = 2; i + 1 < argc; i += 2) options[std::string(argv[i]).substr(2)] = argv[i + 1];
    try {
        if (command == "load") return load(options);
        if (command == "idle")
            return holdIdleConnections(std::atoi(options["port"].c_str()),
                                       std::atoi(options["connections"].c_str()));
        if (command == "sqlite") return sqlite(options);
    } catch (const std::exception& e) {
        std::fprintf(stderr, "bench_trigger: %s\n", e.what());
        return 1;
    }
    std::fprintf(
        stderr, "usage: see the head of tests/bench/trigger/main.cpp; tests/bench/run-trigger does it all\n");
    return 2;
}
