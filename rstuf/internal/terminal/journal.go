package terminal

// An Answer is what somebody has answered to a question.
type Answer struct {
	Question string `json:"question"`
	Answer   string `json:"answer"`
}

// journal is what was answered, for those who may have to go on later.
type journal struct {
	earlier []Answer // of another run, not asked again yet
	given   []Answer // since the last Forget
	keep    func([]Answer) error
}

// Record tells keep, after each answer, of all answers since then or the last
// [Terminal.Forget]. Earlier ones are given again, without the person, as long as the
// same questions are asked. Passwords are no part of it. A nil keep ends it.
func (t *Terminal) Record(earlier []Answer, keep func([]Answer) error) {
	t.journal = journal{earlier: earlier, keep: keep}
}

// Forget drops the answers that were recorded: what they came to is kept elsewhere.
func (t *Terminal) Forget() { t.journal.given = nil }

// earlier gives an earlier answer to a question, and shows it.
func (t *Terminal) earlier(question, prompt string) (string, bool) {
	list := t.journal.earlier
	if len(list) == 0 || list[0].Question != question {
		t.journal.earlier = nil
		return "", false
	}
	t.journal.earlier = list[1:]
	t.prompt(prompt)
	t.Printf("%s\n", list[0].Answer)
	return list[0].Answer, true
}

// record keeps an answer.
func (t *Terminal) record(question, answer string) error {
	if t.journal.keep == nil {
		return nil
	}
	t.journal.given = append(t.journal.given, Answer{Question: question, Answer: answer})
	return t.journal.keep(t.journal.given)
}
