"""Many studies to drafts: a queue that survives anything, and the workers that empty it.

From a program, the review screen's upload say::

    queue = Queue(workspace)
    path = queue.receive(upload.name, upload.getvalue())      # copied to the workspace's inbox/, named by its content
    made = queue.submit([path], batch="upload-4711", priority=1)     # made.added, made.refused
    queue.status("upload-4711").counts                        # JobState → number; .open is 0 when all have ended
    [job.draft_id for job in queue.store.iter_jobs("upload-4711", [JobState.DONE])]
    [(job.error_code, job.error) for job in queue.store.iter_jobs("upload-4711", [JobState.PARKED, JobState.REFUSED])]

``submit`` needs no model in memory (``Queue.versions`` reads cards and the index's manifest). Something must draft: a
process beside the server, ended with it::

    crew = Crew(settings, store, workers=1, options=WorkerOptions(stay=True))
    crew.start()
    threading.Thread(target=keep, daemon=True).start()        # keep(): while crew.watch(1.0): pass
    ...
    crew.stop()                                               # finishes what was begun, gives back the rest

or ``radrag batch work --stay`` as a service, on this machine or, with a database that both reach, on another one. The
worker's processes see the end of whoever started them and stop by themselves, so that a server that is killed leaves
none behind. Lower priorities come first: an upload at 1 is drafted before a batch at 100, by whatever workers there
are. A crew is not started twice by sessions of one server: keep it where the server keeps its store.
"""
