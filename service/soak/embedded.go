package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"
)

// embedded is a service in one process, on a folder, that is killed again and again.
type embedded struct {
	*soak
	options
	life  *life
	count int // kills
}

func (e *embedded) run(ctx context.Context) error {
	e.ask = func() string { return e.life.url }
	end := time.Now().Add(e.duration)
	for half, name := range halves {
		dir := filepath.Join(e.dir, name)
		if err := e.begin(dir, half == 1, filepath.Join(dir, "service", "metadata")); err != nil {
			return err
		}
		for number := 0; ; number++ {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if e.duration > 0 && time.Until(end) < time.Duration(1-half)*e.duration/2 || e.duration == 0 && e.count >= (half+1)*e.kills/2 {
				break
			}
			if err := e.live(dir, number); err != nil {
				return fmt.Errorf("%s, life %d: %w", name, number, err)
			}
		}
	}
	return nil
}

// live starts the service, checks it, puts it under load, kills it (some times
// it is asked to end, and given little time), and verifies what is left.
func (e *embedded) live(dir string, number int) (err error) {
	if e.life, err = startLife(dir, randomTrouble(e.random)); err != nil {
		return err
	}
	alive := true
	defer func() {
		if alive {
			e.life.kill()
		}
	}()
	if err := e.account(number%4 == 3); err != nil {
		return err
	}
	stop := e.load()
	defer stop()
	time.Sleep(time.Duration(e.random.Int64N(int64(250 * time.Millisecond))))
	if e.random.IntN(4) == 0 { // it is held for a while, and knows nothing of it
		if err := e.life.hold(time.Duration(e.random.Int64N(int64(100 * time.Millisecond)))); err != nil {
			return err
		}
	}
	if err := e.look(); err != nil {
		return fmt.Errorf("while it runs: %w", err)
	}
	alive = false
	if number%8 == 5 {
		err = e.life.Stop()
	} else {
		err = e.life.kill()
		e.count++
	}
	stop()
	if err := errors.Join(err, e.failed()); err != nil {
		return err
	}
	if err := e.look(); err != nil {
		return err
	}
	_, err = e.verify()
	return err
}
