package cmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"

	"example.org/rstuf/internal/quote"
	"example.org/rstuf/keys"
	"example.org/rstuf/repository"
	"example.org/rstuf/rstuf/internal/config"
	"example.org/rstuf/rstuf/internal/terminal"
)

// app is what all commands share.
type app struct {
	parts          Parts
	stdin          io.Reader
	stdout, stderr io.Writer
	// term is nil where there is nobody to ask.
	term       *terminal.Terminal
	configPath string
	json       bool
	api        apiFlags
	reviewed   string         // what review has shown last
	sigstore   keys.URIOpener // nil if there is none
}

// run carries out one command and gives its exit code.
func run(ctx context.Context, parts Parts, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	a := &app{parts: parts, stdin: stdin, stdout: stdout, stderr: stderr, term: terminal.Open(stdin, stderr)}
	root := newRootCommand(a)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	root.SetArgs(joinOptionalValues(root, args))
	err := root.ExecuteContext(ctx)
	if errors.Is(err, repository.ErrForeignCache) {
		err = fmt.Errorf("%w: if this is a new repository at the URL of an old one, remove that folder", err)
	}
	code := exitCode(ctx, err)
	switch open := unfinished(err); {
	case code == exitInterrupted && open != nil:
		a.note("rstuf: interrupted; task %s goes on in the service: see rstuf task wait", open.TaskID)
	case code == exitTimeout && open != nil:
		a.note("rstuf: %s: it goes on in the service, see rstuf task wait", quote.Ours(oneLine(err)))
	case err != nil && code != exitInterrupted:
		text := oneLine(err)
		if hint := a.hintSigstore(text); hint != "" {
			text += "; " + hint
		}
		a.note("rstuf: %s", quote.Ours(text))
	}
	return code
}

// oneLine joins the lines of an error that has several.
func oneLine(err error) string {
	lines := strings.Split(strings.TrimSpace(err.Error()), "\n")
	for i := range lines {
		lines[i] = quote.Line(strings.TrimSpace(lines[i]))
	}
	return strings.Join(lines, "; ")
}

func newRootCommand(a *app) *cobra.Command {
	root := &cobra.Command{
		Use:   "rstuf",
		Short: "Make, run and use repositories of signed software (RSTUF)",
		Long: `rstuf makes keys, holds root-signing ceremonies, bootstraps and runs a
repository of RSTUF, the Repository Service for TUF, publishes artifacts and
downloads them verified.

Exit codes: 0 done, 1 failed, 2 wrong usage, 3 refused by the service,
4 waiting for signatures, 5 timed out, 130 interrupted.`,
		Example: `  rstuf serve --dev --dir demo
  rstuf key generate --type ed25519 --file alice
  rstuf admin --api-server https://rstuf.example.com ceremony --policy policy.yml`,
		PersistentPreRunE: func(*cobra.Command, []string) error { return a.useSigstore() },
		Version:           version(),
		SilenceErrors:     true,
		SilenceUsage:      true,
		CompletionOptions: cobra.CompletionOptions{HiddenDefaultCmd: true},
	}
	root.SetVersionTemplate("rstuf, version {{.Version}}\n")
	root.SetUsageTemplate(strings.ReplaceAll(root.UsageTemplate(), ".FlagUsages", fmt.Sprintf(".FlagUsagesWrapped %d", terminal.MaxWidth)))
	flags := root.PersistentFlags()
	flags.StringVarP(&a.configPath, "config", "c", defaultConfigPath(), "settings `FILE`")
	flags.BoolVar(&a.json, "json", false, "print the result as JSON")
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usage(err) })
	root.AddCommand(newAdminCommand(a), newArtifactCommand(a), newDoctorCommand(a), newExportCommand(a), newFsckCommand(a), newKeyCommand(a), newMoveCommand(a), newServeCommand(a), newHealthCommand(a), newTaskCommand(a), newVersionCommand(a), newCompletionCommand())
	setDefaults(root)
	return root
}

// setDefaults makes every command that only groups others refuse what it does
// not know, and every refusal of arguments an error of usage.
func setDefaults(cmd *cobra.Command) {
	if !cmd.Runnable() {
		cmd.Args = cobra.ArbitraryArgs
		cmd.RunE = func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usagef("there is no command %q, see %s --help", args[0], cmd.CommandPath())
			}
			return cmd.Help()
		}
	}
	if check := cmd.Args; check != nil {
		cmd.Args = func(cmd *cobra.Command, args []string) error {
			if err := check(cmd, args); err != nil {
				return usagef("%s: %w; see %s --help", cmd.CommandPath(), err, cmd.CommandPath())
			}
			return nil
		}
	} else {
		cmd.Args = func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usagef("%s takes no argument %q; see %s --help", cmd.CommandPath(), args[0], cmd.CommandPath())
			}
			return nil
		}
	}
	for _, child := range cmd.Commands() {
		setDefaults(child)
	}
}

// optionalValue marks a flag whose value may be left out and may also stand
// after a space: --out, --out FILE and --out=FILE.
const optionalValue = "rstuf_optional_value"

// joinOptionalValues writes "--out FILE" as "--out=FILE" for the flags that
// are marked, which the flag package cannot tell from "--out" and an argument.
func joinOptionalValues(root *cobra.Command, args []string) []string {
	cmd, _, err := root.Find(args)
	if err != nil {
		return args
	}
	joined := make([]string, 0, len(args))
	for i := 0; i < len(args); i++ {
		arg := args[i]
		if arg == "--" {
			return append(joined, args[i:]...)
		}
		flag := cmd.Flags().Lookup(strings.TrimPrefix(arg, "--"))
		if len(arg) == 2 && arg[0] == '-' && arg[1] != '-' {
			flag = cmd.Flags().ShorthandLookup(arg[1:])
		}
		isFlag := strings.HasPrefix(arg, "-") && flag != nil && flag.Annotations[optionalValue] != nil
		if isFlag && i+1 < len(args) && !strings.HasPrefix(args[i+1], "-") {
			i++
			arg += "=" + args[i]
		}
		joined = append(joined, arg)
	}
	return joined
}

// optionalString adds a flag of the kind optionalValue describes; without a
// value it means def.
func optionalString(cmd *cobra.Command, target *string, name, short, def, text string) {
	cmd.Flags().StringVarP(target, name, short, "", text)
	flag := cmd.Flags().Lookup(name)
	flag.NoOptDefVal = def
	flag.Annotations = map[string][]string{optionalValue: {def}}
}

// required is the error of flags that must be given and are not.
func required(cmd *cobra.Command, names ...string) error {
	var missing []string
	for _, name := range names {
		if !cmd.Flags().Changed(name) {
			missing = append(missing, "--"+name)
		}
	}
	if len(missing) > 0 {
		return usagef("%s needs %s", cmd.CommandPath(), strings.Join(missing, ", "))
	}
	return nil
}

// defaultConfigPath is where the settings are: in the file that the Python
// command line has too, or if there is none where the system wants them, if they
// are there.
func defaultConfigPath() string {
	home, err := os.UserHomeDir()
	if err != nil {
		return "" // there are no settings then
	}
	shared := filepath.Join(home, ".rstuf.yml")
	if _, err := os.Lstat(shared); err == nil {
		return shared
	}
	if dir, err := os.UserConfigDir(); err == nil {
		own := filepath.Join(dir, "rstuf", "rstuf.yml")
		if _, err := os.Stat(own); err == nil {
			return own
		}
	}
	return shared
}

// config reads the settings.
func (a *app) config() (*config.File, error) { return config.Load(a.configPath) }

// released is the version of a program that .ci/release has built.
var released string

// version is the module's version, as the release or the toolchain recorded it.
func version() string {
	if released != "" {
		return released
	}
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" || info.Main.Version == "(devel)" {
		return "devel"
	}
	return info.Main.Version
}
