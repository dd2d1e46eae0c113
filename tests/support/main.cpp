// Runs every CppUnit suite that registered itself. Arguments: names of tests or suites to run; --list prints
// them.
#include <cppunit/BriefTestProgressListener.h>
#include <cppunit/CompilerOutputter.h>
#include <cppunit/TestResult.h>
#include <cppunit/TestResultCollector.h>
#include <cppunit/TestRunner.h>
#include <cppunit/extensions/TestFactoryRegistry.h>

#include <csignal>
#include <iostream>
#include <string>
#include <vector>

namespace {

void collect(CppUnit::Test* test, const std::vector<std::string>& wanted, std::vector<CppUnit::Test*>& out) {
    for (const std::string& name : wanted)
        if (test->getName().find(name) != std::string::npos && test->getChildTestCount() > 0 &&
            test->getChildTestAt(0)->getChildTestCount() == 0) {
            out.push_back(test);
            return;
        }
    if (test->getChildTestCount() == 0) {
        for (const std::string& name : wanted)
            if (test->getName().find(name) != std::string::npos) out.push_back(test);
        return;
    }
    for (int i = 0; i < test->getChildTestCount(); ++i) collect(test->getChildTestAt(i), wanted, out);
}

void list(CppUnit::Test* test) {
    if (test->getChildTestCount() == 0) std::cout << test->getName() << "\n";
    for (int i = 0; i < test->getChildTestCount(); ++i) list(test->getChildTestAt(i));
}

} // namespace

int main(int argc, char** argv) {
    signal(SIGPIPE, SIG_IGN);
    CppUnit::Test* all = CppUnit::TestFactoryRegistry::getRegistry().makeTest();
    std::vector<std::string> wanted(argv + 1, argv + argc);
    if (wanted.size() == 1 && wanted[0] == "--list") {
        list(all);
        return 0;
    }
    CppUnit::TestResult controller;
    CppUnit::TestResultCollector results;
    CppUnit::BriefTestProgressListener progress;
    controller.addListener(&results);
    controller.addListener(&progress);
    CppUnit::TestRunner runner;
    std::vector<CppUnit::Test*> chosen;
    if (wanted.empty())
        runner.addTest(all);
    else
        collect(all, wanted, chosen);
    for (CppUnit::Test* test : chosen) test->run(&controller);
    if (wanted.empty()) runner.run(controller);
    CppUnit::CompilerOutputter(&results, std::cerr).write();
    if (results.runTests() == 0) {
        std::cerr << "no test ran\n";
        return 1;
    }
    return results.wasSuccessful() ? 0 : 1;
}
