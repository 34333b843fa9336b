# The worker's two halves: requests, and what it queues for itself (publishing,
# renewing roles that expire, and the clock for that). RSTUF fixes the names of
# the queues. When one half ends, both do, and the container starts again.
set -u

alembic upgrade head || exit

half() { # NAME [CELERY OPTION...]
    name=$1
    shift
    exec celery -A app worker --loglevel info --hostname "$name@$RSTUF_WORKER_ID" \
        --concurrency "$WORKER_PROCESSES" "$@"
}

half requests --queues metadata_repository &
requests=$!
half internal --queues rstuf_internals --beat --schedule /tmp/celerybeat-schedule &
internal=$!

# On SIGTERM "wait -n" returns; the halves then finish what they are doing.
trap : TERM INT
wait -n
code=$?
kill -TERM "$requests" "$internal" 2>/dev/null
wait "$requests" "$internal"
exit "$code"
