package cmd

import (
	"cmp"
	"errors"
	"fmt"
	"strings"
	"time"

	"example.org/rstuf"
	"example.org/rstuf/client"
	"example.org/rstuf/internal/quote"
	"example.org/rstuf/internal/wire"
	"github.com/spf13/cobra"
)

func newTaskCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "task",
		Short:   "Ask for the state of a task, wait for its end, or list tasks",
		Example: "  rstuf task info 4c6f2a1e9b3d4f5a8c7e6d5b4a392817 --api-server https://rstuf.example.com",
	}
	a.api.add(cmd)
	cmd.AddCommand(newTaskInfoCommand(a), newTaskListCommand(a), newTaskWaitCommand(a))
	return cmd
}

func newTaskInfoCommand(a *app) *cobra.Command {
	var all bool
	cmd := &cobra.Command{
		Use:   "info ID",
		Short: "Show the state and the result of a task",
		Long: `Show the state and the result of a task as they are now. A task that the
service does not know is PENDING. The exit code is 0 unless the task failed (3)
or has left out a part of what was asked (1). Whether signatures are missing is
told by "rstuf task wait".`,
		Example: "  rstuf task info 4c6f2a1e9b3d4f5a8c7e6d5b4a392817 --json",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			api, err := a.connect()
			if err != nil {
				return err
			}
			task, err := api.Task(args[0]).State(cmd.Context())
			if err != nil {
				return err
			}
			if err := a.printTask(task, all, nil); err != nil {
				return err
			}
			if missing := task.Missing(); !missing.Empty() {
				return &client.IncompleteError{Task: task, Missing: missing}
			}
			return nil
		},
	}
	cmd.Flags().BoolVarP(&all, "all", "a", false, "show all details")
	return cmd
}

func newTaskListCommand(a *app) *cobra.Command {
	var limit int
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the tasks of the embedded service",
		Long: `List tasks, the newest first: those that have not ended, and those whose results
the service still keeps. The embedded service has such a list; a deployed RSTUF
has none.`,
		Example: "  rstuf task list --limit 20",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if limit < 1 || limit > wire.MaxTasks {
				return usagef("--limit %d: want a number from 1 to %d", limit, wire.MaxTasks)
			}
			api, err := a.connect()
			if err != nil {
				return err
			}
			tasks, err := api.Tasks(cmd.Context(), limit)
			if errors.Is(err, client.ErrNotFound) {
				return fmt.Errorf("%w: only the embedded service lists tasks; ask for one with rstuf task info ID", err)
			}
			if err != nil {
				return err
			}
			return a.result(tasks, func() {
				rows := make([][]string, len(tasks))
				for i, task := range tasks {
					what, when := "", ""
					if task.Result != nil {
						what, when = task.Result.Task, task.Result.LastUpdate.UTC().Format(time.DateTime)
					}
					rows[i] = []string{task.ID, string(task.State), what, when}
				}
				a.table([]string{"task", "state", "what", "when (UTC)"}, rows)
			})
		},
	}
	cmd.Flags().IntVar(&limit, "limit", 50, "at most `N` tasks")
	return cmd
}

func newTaskWaitCommand(a *app) *cobra.Command {
	var all bool
	cmd := &cobra.Command{
		Use:     "wait ID",
		Short:   "Wait until a task has ended",
		Long:    "Wait until a task has ended, at most --wait-timeout (exit code 5).",
		Example: "  rstuf task wait 4c6f2a1e9b3d4f5a8c7e6d5b4a392817 --wait-timeout 5m",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			api, err := a.connect()
			if err != nil {
				return err
			}
			return a.finished(all)(a.wait(cmd.Context(), api.Task(args[0])))
		},
	}
	cmd.Flags().BoolVarP(&all, "all", "a", false, "show all details")
	return cmd
}

// finished prints the task that was waited for, and returns what is missing of
// it.
func (a *app) finished(all bool) func(rstuf.Task, error) error {
	return func(task rstuf.Task, err error) error {
		if err != nil && !task.State.Terminal() {
			return err
		}
		var missing rstuf.Missing
		errors.As(err, &missing)
		return cmp.Or(a.printTask(task, all, missing.Waiting), explainPending(err))
	}
}

// taskResult is a task as it is printed, with what it does not tell itself.
type taskResult struct {
	rstuf.Task
	Waiting []rstuf.WaitingRole `json:"waiting_roles,omitempty"`
}

// printTask prints a task; the error says that it failed.
func (a *app) printTask(task rstuf.Task, all bool, waiting []rstuf.WaitingRole) error {
	err := a.result(taskResult{task, waiting}, func() {
		a.printf("task %s: %s", task.ID, task.State)
		if task.Result == nil {
			return
		}
		if task.Result.Message != "" {
			a.printf("%s", task.Result.Message)
		}
		if task.Result.Error != "" {
			a.printf("error: %s", task.Result.Error)
		}
		if task.Result.Details != nil {
			a.printDetails(task.Result.Details, all)
		}
	})
	if err == nil && task.State.Terminal() && !task.Succeeded() {
		err = &client.TaskError{Task: task}
	}
	return err
}

// maxNames is how many names of a list are shown unless all are asked for.
const maxNames = 10

func (a *app) printDetails(d *rstuf.TaskDetails, all bool) {
	list := func(what string, names []string) {
		if len(names) == 0 {
			return
		}
		shown := []string{}
		for _, name := range names {
			if len(shown) == maxNames && !all {
				shown = append(shown, "…")
				break
			}
			shown = append(shown, quote.Word(name))
		}
		a.printf("%s (%d): %s", what, len(names), strings.Join(shown, ", "))
	}
	list("added", d.AddedArtifacts)
	list("deleted", d.DeletedArtifacts)
	list("not found", d.NotFoundArtifacts)
	list("match no delegation", d.InvalidPaths)
	list("roles of the artifacts", d.ArtifactRoles)
	list("published roles", d.PublishedRoles)
	list("updated roles", d.UpdatedRoles)
	list("unknown roles", d.InvalidRoles)
	list("delegated roles", d.DelegatedRoles)
	for _, failed := range d.FailedRoles {
		a.printf("failed: %s: %s", failed.Role, failed.Reason)
	}
	for _, text := range []string{d.Bootstrap, d.Update} {
		if text != "" {
			a.printf("%s", text)
		}
	}
}
