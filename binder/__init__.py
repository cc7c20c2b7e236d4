"""The one bind: sockets and timers around `smpp`, streams around `store`. Knows no Celery, no alphabets."""
