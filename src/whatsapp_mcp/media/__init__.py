"""From what a caller names (a path, a link, a data URI) to a file that WhatsApp clients show properly; received files.

limits, policy, work          the ground: every bound, what the settings allow, how work is told;
kinds, sniffing               and which kinds of files there are, and which one a file is by its content
jobs, facts, confinement      what is asked of a decoder process, what it may answer, what it may use
source/                       a source becomes a private copy on disk; paths and links are judged here
convert/                      a copy becomes what is sent: Pillow and PyAV, no ffmpeg binary
decoder, decoder_pool         the process in which all of ``convert`` runs, and the server's end of it
prepare, preview              the top: ``MediaSource(...).as_image()``, a link's preview,
shown                         a received picture in a result
downloads, received/          received files: their names and guards in a folder; where they lie, a folder or a bucket

``source`` and ``convert`` know nothing of each other. Media uses the ground alone, and knows neither MCP nor WhatsApp's
connection; Pillow, PyAV and the HTTP stack load with the first use.
"""
