package service

import "context"

// Replaced is how many files are known to be replaced.
func (s *Service) Replaced() int {
	known, err := s.replaced(context.Background())
	if err != nil {
		return -1
	}
	return len(known)
}
