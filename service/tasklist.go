package service

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"

	"example.org/rstuf"
	"example.org/rstuf/internal/wire"
)

// defaultTaskList is how many tasks are listed where nobody says how many.
const defaultTaskList = 100

// getTasks lists tasks, the newest first, without their details: those that have
// not ended, then those whose results are kept. A deployed RSTUF has no such
// endpoint.
func (s *Service) getTasks(r *http.Request) answer {
	limit := defaultTaskList
	if text := r.URL.Query().Get("limit"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > wire.MaxTasks {
			return invalid(rstuf.ValidationError{{
				Type: "value_error", Loc: []any{"query", "limit"}, Input: input(text),
				Msg: "Value error, it must be a number from 1 to " + strconv.Itoa(wire.MaxTasks),
			}})
		}
		limit = n
	}
	list := s.queue.newest(limit)
	ended, err := s.newestEnded(r.Context(), limit-len(list))
	if err != nil {
		return s.unavailable(err)
	}
	list = append(list, ended...)
	return answer{http.StatusOK, wire.Response[[]rstuf.Task]{Data: &list, Message: "Tasks, the newest first."}}
}

func input(text string) json.RawMessage {
	raw, _ := json.Marshal(text)
	return raw
}

// newest are the requests that have not ended.
func (q *queue) newest(limit int) []rstuf.Task {
	q.mu.RLock()
	defer q.mu.RUnlock()
	list := []rstuf.Task{}
	for i := len(q.list) - 1; i >= 0 && len(list) < limit; i-- {
		w := q.list[i]
		state := rstuf.TaskStarted
		if w.running.Load() || w.parked() {
			state = rstuf.TaskRunning
		}
		list = append(list, rstuf.Task{ID: w.id.String(), State: state, Result: &rstuf.TaskResult{
			Task: w.kind.name(), LastUpdate: rstuf.Time{Time: w.accepted},
		}})
	}
	return list
}

// newestEnded are the tasks that have ended, without details.
func (s *Service) newestEnded(ctx context.Context, limit int) ([]rstuf.Task, error) {
	if s.replica != nil {
		return s.replica.newestEnded(ctx, limit)
	}
	return s.results.list(ctx, s.results.last(limit))
}

// list are results without details.
func (r *results) list(ctx context.Context, keys []string) (list []rstuf.Task, err error) {
	err = r.store.Get(ctx, tableTasks, keys, func(_ string, value []byte) error {
		if value == nil {
			return nil // it was dropped just now
		}
		var task rstuf.Task
		if err := json.Unmarshal(value[taskHeader:], &task); err != nil {
			return err
		}
		if task.Result != nil {
			task.Result.Details = nil
		}
		list = append(list, task)
		return nil
	})
	return list, err
}
