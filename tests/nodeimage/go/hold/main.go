// Command hold does nothing until it is told to stop, and then stops at once.
//
// It is the first process of two kinds of containers: the one that holds a Pod's namespaces, and the lessons' Pods. The
// kernel gives a first process no default action for SIGTERM, so `sleep infinity` would be killed only when the grace
// period is over: half a minute for each Pod that a lesson deletes. It also is the parent of every orphan in its
// namespace, so it reaps them.
package main

import (
	"os"
	"os/signal"
	"syscall"
)

func main() {
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGINT, syscall.SIGTERM)
	orphans := make(chan os.Signal, 1)
	signal.Notify(orphans, syscall.SIGCHLD)
	for {
		select {
		case <-stop:
			return
		case <-orphans:
			reap()
		}
	}
}

// reap collects every child that has ended: several deaths may come as one signal.
func reap() {
	for {
		pid, err := syscall.Wait4(-1, nil, syscall.WNOHANG, nil)
		if err == syscall.EINTR {
			continue
		}
		if err != nil || pid <= 0 {
			return
		}
	}
}
