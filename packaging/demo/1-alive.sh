# Exit code 0 is "passed"; everything printed is kept, and streamed while we run.
# Parameters of the job arrive as environment variables: TARGET is one.
set -eu
echo "I am run $USHER_RUN_ID, attempt $USHER_ATTEMPT, user id $(id -u)"

for attempt in 1 2 3; do
    echo "asking $TARGET/healthz, time $attempt"
    curl --fail --silent --show-error --max-time 5 "$TARGET/healthz"
    echo
    sleep 0.4
done

# A place for files that should outlive the run.
date -u > "$USHER_ARTIFACTS/alive-at.txt"
