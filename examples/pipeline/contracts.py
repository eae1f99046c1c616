"""What the services of the pipeline know of each other: the result of one job is what the next one takes."""

from pydantic import BaseModel

from toolwire.client import declare_job


class Recording(BaseModel):
    """A talk."""

    title: str


class Transcript(BaseModel):
    """What was said."""

    title: str
    sentences: list[str]


class Summary(BaseModel):
    """The short of it."""

    title: str
    text: str


transcribe = declare_job("transcribe", args=Recording, returns=Transcript)
summarise = declare_job("summarise", args=Transcript, returns=Summary)
publish = declare_job("publish", args=Summary, returns=int)
