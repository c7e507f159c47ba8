"""S3 in memory (moto), in a process and an environment of its own: ``s3_server.py`` starts it.

Prints its port and ends when its standard input does. moto looks whether an object is there and then writes it: of two
conditional writes at once both could go through. So requests are answered one after the other, as if they came so. What
is put into the bucket ``forgetful`` is put without looking at the condition, as by stores that do not know it. Of what
is put into ``deaf`` on a condition the first answer is lost: it is there, and whoever asks again hears that it is.
"""

import logging
import os
import sys
import threading

turn = threading.Lock()
unanswered = set()


def before(moto):
    def application(environ, start_response):
        path = environ["PATH_INFO"]
        if path.startswith("/forgetful/"):
            environ.pop("HTTP_IF_NONE_MATCH", None)
        with turn:
            if path.startswith("/deaf/") and "HTTP_IF_NONE_MATCH" in environ and path not in unanswered:
                unanswered.add(path)
                moto(environ, lambda *_: None)
                start_response("500 Internal Server Error", [("Content-Length", "0")])
                return []
            return [b"".join(moto(environ, start_response))]

    return application


def main():
    # Of this environment alone: the tests' own has neither.
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
    from werkzeug.serving import make_server

    logging.disable(logging.ERROR)
    application = before(DomainDispatcherApplication(create_backend_app))
    server = make_server("127.0.0.1", 0, application, threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(server.port, flush=True)
    sys.stdin.read()
    os._exit(0)


if __name__ == "__main__":
    main()
