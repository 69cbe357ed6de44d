"""The wire protocol: messages, their encoding, and who may say what when. No I/O in here.

`messages`      every message as a frozen value
`codec`         message ↔ frames
`conversation`  the tables of allowed messages
`light`         what a simulated rig sees of the screen
"""
