package cmd

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"example.org/rstuf/ceremony"
	"example.org/rstuf/internal/files"
	"example.org/rstuf/rstuf/internal/terminal"
)

// answers keeps what a person has answered in files, from the first answer on
// until the ceremony is over, so that nothing is asked twice after an interruption.
// The first file is a policy. Beside it stand the answers to a question that is not
// over yet, and a draft with signatures if --draft names none.
type answers struct {
	path  string
	found bool // an earlier run left the file
	open  openQuestion
}

// An openQuestion is one that is being answered: its field, and the answers so far.
type openQuestion struct {
	Field   string            `json:"field"`
	Answers []terminal.Answer `json:"answers"`
}

func (s *answers) openPath() string   { return s.path + ".open" }
func (s *answers) signedPath() string { return s.path + ".signed" }

// answersOf names the file of a ceremony's answers by its draft.
func answersOf(draftFile string) answers {
	if draftFile == "" {
		draftFile = "ceremony"
	}
	return answers{path: draftFile + ".answers.json"}
}

// restore fills what the policy leaves open with the answers of an earlier run.
func (s *answers) restore(p *ceremony.Policy, questions []question) error {
	earlier, err := ceremony.LoadPartialPolicy(s.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("the answers of an earlier run: %w (remove the file to begin anew)", err)
	}
	s.found = true
	for i, q := range questions {
		if q.open() {
			q.take(&earlier)
			questions[i].restored = !q.open()
		}
	}
	data, err := os.ReadFile(s.openPath())
	if err == nil {
		err = files.Decode(data, &s.open)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("the answers of an earlier run: %s: %w (remove the file to answer that question anew)", s.openPath(), err)
	}
	return nil
}

// save keeps what has been decided so far.
func (c *ceremonyCommand) save(p *ceremony.Policy) error {
	c.term.Forget()
	return errors.Join(c.answers.savePolicy(p), c.answers.saveOpen(nil))
}

func (s *answers) savePolicy(p *ceremony.Policy) error {
	data, err := p.JSON()
	if err == nil {
		err = files.Replace(s.path, data)
	}
	if err != nil {
		return fmt.Errorf("keep the answers: %w", err)
	}
	return nil
}

// saveOpen keeps the answers to the question that is open.
func (s *answers) saveOpen(given []terminal.Answer) error {
	if s.open.Field == "" && len(given) == 0 {
		return removeFile(s.openPath())
	}
	data, err := encodeJSON(openQuestion{s.open.Field, given})
	if err == nil {
		err = files.Replace(s.openPath(), data)
	}
	if err != nil {
		return fmt.Errorf("keep the answers: %w", err)
	}
	return nil
}

// kept tells whether there is a file of answers.
func (s *answers) kept() bool {
	if s.path == "" {
		return false
	}
	_, err := os.Stat(s.path)
	return err == nil
}

// remove ends it: the ceremony is over, or its draft holds what was answered.
func (s *answers) remove() error {
	if s.path == "" {
		return nil
	}
	if err := errors.Join(removeFile(s.openPath()), removeFile(s.signedPath()), removeFile(s.path)); err != nil {
		return fmt.Errorf("remove the answers: %w", err)
	}
	return nil
}

// removeFile removes a file, if it is there.
func removeFile(path string) error {
	if err := os.Remove(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// noteKept says after an interruption where what was answered and signed is.
func (c *ceremonyCommand) noteKept(draft *ceremony.Draft) {
	signed := draft != nil && len(draft.Document().Signatures()) > 0
	switch {
	case signed && c.draftFile != "":
		c.note("what was signed is kept in %s: give it with --draft to go on", c.draftFile)
	case signed && c.keepIn != "":
		c.note("what was answered and signed is kept in %s: the same command goes on with it", c.keepIn)
	case c.answers.kept():
		c.note("your answers are kept in %s: the same command goes on with them", c.answers.path)
	}
}

// introduce says what is going to happen.
func (c *ceremonyCommand) introduce(t *terminal.Terminal, restored bool) {
	t.Explain(`This ceremony makes the first root of a repository: the document in which people settle whose signatures count. You need

  - the public key file of each person who will hold a root key,
  - the public key file of the online key, with which the service signs,
  - about ten minutes for the questions; then some of those people sign, here with their private key files, or elsewhere (see --draft).

Each question can be answered again: "back" goes to the one before. Your answers are kept in %s as you give them; leave with Ctrl-C at any time and go on later with the same command.

`, c.answers.path)
	if restored {
		t.Explain("Going on with the answers in that file (remove it to begin anew).\n\n")
	}
}

// agree shows what the policy means before anybody signs, until the person has
// nothing to change any more.
func (c *ceremonyCommand) agree(ctx context.Context, p *ceremony.Policy, questions []question) error {
	const change = "change an answer"
	for {
		options := []string{"yes, all of this is right", change}
		if draft, err := ceremony.New(*p); err != nil {
			c.term.Printf("%v\n", err)
			options = []string{change}
		} else {
			c.review(draft)
		}
		choice, err := c.term.Choose(ctx, "Is it right", options, -1)
		if err != nil {
			return err
		}
		if options[choice] != change {
			return c.save(p)
		}
		if err := c.change(ctx, p, questions); err != nil && !errors.Is(err, terminal.ErrBack) {
			return err
		}
	}
}

// change asks one question again.
func (c *ceremonyCommand) change(ctx context.Context, p *ceremony.Policy, questions []question) error {
	var titles []string
	var askable []question
	for _, q := range questions {
		if q.unused == nil || !q.unused() {
			titles, askable = append(titles, q.title), append(askable, q)
		}
	}
	i := 0
	return c.term.Steps(ctx,
		func(ctx context.Context, _ bool) (err error) {
			i, err = c.term.Choose(ctx, "Which one", titles, -1)
			return err
		},
		func(ctx context.Context, _ bool) error {
			if err := askable[i].ask(ctx, c.term); err != nil {
				return err
			}
			return c.save(p)
		},
		// An answer can open other questions.
		func(ctx context.Context, _ bool) error { return c.term.Steps(ctx, c.openSteps(p, questions)...) },
	)
}
