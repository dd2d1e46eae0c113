#include "app/CronExpression.h"

#include <cppunit/TestFixture.h>
#include <cppunit/extensions/HelperMacros.h>

using namespace usher;

/// Cron expressions in time zones: what is accepted, and which instants come out where clocks are changed.
class CronExpressionTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(CronExpressionTest);
    CPPUNIT_TEST(whatIsNotFiveFieldsIsRefused);
    CPPUNIT_TEST(fieldsSayWhenTicksCome);
    CPPUNIT_TEST(eitherDayIsEnoughWhenBothAreRestricted);
    CPPUNIT_TEST(aZoneShiftsTicks);
    CPPUNIT_TEST(skippedTimesComeOnceWhenClocksArePutForward);
    CPPUNIT_TEST(repeatedTimesComeOnceUnlessEveryHourIsMeant);
    CPPUNIT_TEST(oddZonesKeepTheRules);
    CPPUNIT_TEST(whatNeverComesIsSaid);
    CPPUNIT_TEST(lastIsTheTickBeforeNext);
    CPPUNIT_TEST(onlyNamesOfZonesAreZones);
    CPPUNIT_TEST_SUITE_END();

    static CronExpression cron(const std::string& text) {
        auto parsed = CronExpression::parse(text);
        if (auto* problem = std::get_if<std::string>(&parsed)) CPPUNIT_FAIL(text + ": " + *problem);
        return std::get<CronExpression>(parsed);
    }
    static TimeZone zone(const std::string& name) {
        auto found = TimeZone::find(name);
        CPPUNIT_ASSERT_MESSAGE(name, found);
        return *found;
    }
    static Micros at(const std::string& time) { return parseTime(time).value(); }
    /// The ticks after `from`, "day hour:minute" in UTC, `count` of them.
    static std::string ticks(const std::string& expression, const std::string& where, const std::string& from,
                             int count) {
        const CronExpression parsed = cron(expression);
        const TimeZone in = zone(where);
        std::string out;
        Micros time = at(from);
        for (int i = 0; i < count; ++i) {
            const auto tick = parsed.next(time, in);
            if (!tick) return out + " never";
            time = *tick;
            out += (i ? ", " : "") + formatTime(time).substr(5, 11);
        }
        return out;
    }

    void whatIsNotFiveFieldsIsRefused() {
        for (const char* bad : {"",
                                "* * * *",
                                "* * * * * *",
                                "@daily",
                                "60 * * * *",
                                "* 24 * * *",
                                "* * 0 * *",
                                "* * 32 * *",
                                "* * * 0 *",
                                "* * * 13 *",
                                "* * * * 8",
                                "-1 * * * *",
                                "5-1 * * * *",
                                "*/0 * * * *",
                                "5/10 * * * *",
                                "1,,2 * * * *",
                                ", * * * *",
                                "* * * FOO *",
                                "* * * * MONDAY",
                                "1.5 * * * *",
                                "*/60 * * * *",
                                "* * L * *",
                                "? * * * *",
                                "*/ * * * *",
                                "1- * * * *",
                                "001 * * * *",
                                "** * * * *",
                                "*\t* * * *"})
            CPPUNIT_ASSERT_MESSAGE(bad, std::holds_alternative<std::string>(CronExpression::parse(bad)));
        for (const char* good : {"* * * * *", "0 0 1 1 0", "59 23 31 12 7", "*/5 0-6,20-23 * JAN-mar Mon-Fri",
                                 "  1-30/2   *  * *  * ", "0,30 9 * * MON,WED"})
            CPPUNIT_ASSERT_MESSAGE(good, std::holds_alternative<CronExpression>(CronExpression::parse(good)));
    }

    void fieldsSayWhenTicksCome() {
        const std::string from = "2026-01-31T23:58:30Z";
        CPPUNIT_ASSERT_EQUAL(std::string("01-31T23:59, 02-01T00:00"), ticks("* * * * *", "UTC", from, 2));
        CPPUNIT_ASSERT_EQUAL(std::string("02-01T00:00, 02-01T00:20, 02-01T00:40, 02-01T01:00"),
                             ticks("*/20 * * * *", "UTC", from, 4));
        CPPUNIT_ASSERT_EQUAL(std::string("02-02T09:05, 02-03T09:05"), ticks("5 9 * * 1-5", "UTC", from, 2));
        CPPUNIT_ASSERT_EQUAL(std::string("02-01T08:00, 02-08T08:00"), ticks("0 8 * * 7", "UTC", from, 2));
        CPPUNIT_ASSERT_EQUAL(std::string("02-28T00:00, 03-28T00:00"), ticks("0 0 28 * *", "UTC", from, 2));
        CPPUNIT_ASSERT_EQUAL(std::string("03-31T12:00, 05-31T12:00"), ticks("0 12 31 * *", "UTC", from, 2));
        CPPUNIT_ASSERT_EQUAL(std::string("02-29T00:00, 02-29T00:00"), ticks("0 0 29 2 *", "UTC", from, 2));
        CPPUNIT_ASSERT_EQUAL(at("2104-02-29T00:00:00Z"),
                             *cron("0 0 29 2 *").next(at("2096-02-29T00:00:00Z"), zone("UTC")));
        // A tick is not its own next one.
        CPPUNIT_ASSERT_EQUAL(std::string("02-01T00:01"),
                             ticks("* * * * *", "UTC", "2026-02-01T00:00:00Z", 1));
    }

    void eitherDayIsEnoughWhenBothAreRestricted() {
        const std::string from = "2026-02-01T00:00:00Z"; // a Sunday
        CPPUNIT_ASSERT_EQUAL(std::string("02-06T00:00, 02-13T00:00, 02-15T00:00, 02-20T00:00"),
                             ticks("0 0 15 * FRI", "UTC", from, 4));
        CPPUNIT_ASSERT_EQUAL(std::string("02-15T00:00, 03-15T00:00"), ticks("0 0 15 * */1", "UTC", from, 2));
        CPPUNIT_ASSERT_EQUAL(std::string("02-13T00:00, 02-27T00:00"),
                             ticks("0 0 */2 * FRI", "UTC", from, 2)); // odd days that are Fridays
    }

    void aZoneShiftsTicks() {
        const std::string from = "2026-01-10T12:00:00Z";
        CPPUNIT_ASSERT_EQUAL(std::string("01-11T02:30"), ticks("30 3 * * *", "Europe/Berlin", from, 1));
        CPPUNIT_ASSERT_EQUAL(std::string("01-10T21:45"), ticks("30 3 * * *", "Asia/Kathmandu", from, 1));
        CPPUNIT_ASSERT_EQUAL(std::string("01-11T11:30"), ticks("30 3 * * *", "America/Los_Angeles", from, 1));
        CPPUNIT_ASSERT_EQUAL(std::string("07-11T01:30"),
                             ticks("30 3 * * *", "Europe/Berlin", "2026-07-10T12:00:00Z", 1));
    }

    // Berlin, 29 March 2026: 01:59:59 is followed by 03:00:00, at 01:00 UTC.
    void skippedTimesComeOnceWhenClocksArePutForward() {
        const std::string from = "2026-03-28T23:50:00Z";
        CPPUNIT_ASSERT_EQUAL(std::string("03-29T01:00, 03-30T00:30"),
                             ticks("30 2 * * *", "Europe/Berlin", from, 2));
        CPPUNIT_ASSERT_EQUAL(std::string("03-29T01:00, 03-30T00:00"),
                             ticks("0,20,40 2 * * *", "Europe/Berlin", from, 2));
        CPPUNIT_ASSERT_EQUAL(std::string("03-29T00:00, 03-29T00:30, 03-29T01:00, 03-29T01:30"),
                             ticks("*/30 * * * *", "Europe/Berlin", from, 4));
        CPPUNIT_ASSERT_EQUAL(std::string("03-29T01:00, 03-30T01:00"),
                             ticks("0 3 * * *", "Europe/Berlin", from, 2));
    }

    // Berlin, 25 October 2026: 02:59:59 is followed by 02:00:00, at 01:00 UTC.
    void repeatedTimesComeOnceUnlessEveryHourIsMeant() {
        const std::string from = "2026-10-24T23:10:00Z";
        CPPUNIT_ASSERT_EQUAL(std::string("10-25T00:30, 10-26T01:30"),
                             ticks("30 2 * * *", "Europe/Berlin", from, 2));
        CPPUNIT_ASSERT_EQUAL(std::string("10-24T23:30, 10-25T00:00, 10-25T00:30, 10-25T01:00, 10-25T01:30, "
                                         "10-25T02:00"),
                             ticks("*/30 * * * *", "Europe/Berlin", from, 6));
        CPPUNIT_ASSERT_EQUAL(std::string("10-25T00:00, 10-25T03:00"),
                             ticks("0 */2 * * *", "Europe/Berlin", from, 2));
    }

    void oddZonesKeepTheRules() {
        // Half an hour; clocks put back over midnight; a day that never was.
        CPPUNIT_ASSERT_EQUAL(std::string("10-03T15:30, 10-04T15:15"),
                             ticks("15 2 * * *", "Australia/Lord_Howe", "2026-10-03T00:00:00Z", 2));
        CPPUNIT_ASSERT_EQUAL(std::string("11-07T02:30, 11-07T02:31"),
                             ticks("* * * * *", "America/St_Johns", "2010-11-07T02:29:30Z", 2));
        CPPUNIT_ASSERT_EQUAL(std::string("12-29T13:00, 12-30T10:00, 12-30T13:00"),
                             ticks("0 3 * * *", "Pacific/Apia", "2011-12-28T13:00:00Z", 3));
    }

    void whatNeverComesIsSaid() {
        CPPUNIT_ASSERT(!cron("0 0 30 2 *").next(at("2026-01-01T00:00:00Z"), zone("UTC")));
        CPPUNIT_ASSERT(!cron("0 0 31 4,6 *").last(at("2026-01-01T00:00:00Z"), zone("UTC")));
    }

    void lastIsTheTickBeforeNext() {
        for (const char* where : {"UTC", "Europe/Berlin", "America/St_Johns", "Australia/Lord_Howe",
                                  "Pacific/Apia", "Africa/Casablanca"})
            for (const char* expression : {"*/15 * * * *", "30 2 * * *", "7 */5 1-15 * *", "0 0 * * SUN"}) {
                const CronExpression parsed = cron(expression);
                const TimeZone in = zone(where);
                Micros time = at("2010-11-05T00:00:00Z");
                for (int i = 0; i < 700; ++i) {
                    const Micros tick = parsed.next(time, in).value();
                    CPPUNIT_ASSERT_MESSAGE(where, tick > time);
                    CPPUNIT_ASSERT_EQUAL(tick, parsed.last(tick, in).value());
                    CPPUNIT_ASSERT_EQUAL(tick, parsed.last(tick + 30'000'000, in).value());
                    CPPUNIT_ASSERT_MESSAGE(where, parsed.last(tick - 1, in).value() <= time);
                    time = tick;
                }
            }
    }

    void onlyNamesOfZonesAreZones() {
        for (const char* bad : {"", "Europe", "Europe/Atlantis", "europe/berlin", "../etc/passwd",
                                "right/UTC", "posix/UTC", "posixrules", "localtime", "Factory", "tzdata.zi",
                                "zone.tab", "CET+1", "leapseconds", "/usr/share/zoneinfo/UTC"})
            CPPUNIT_ASSERT_MESSAGE(bad, !TimeZone::find(bad));
        for (const char* good : {"UTC", "Etc/UTC", "Europe/Berlin", "America/Argentina/Ushuaia", "GMT"})
            CPPUNIT_ASSERT_MESSAGE(good, TimeZone::find(good));
    }
};
CPPUNIT_TEST_SUITE_REGISTRATION(CronExpressionTest);
